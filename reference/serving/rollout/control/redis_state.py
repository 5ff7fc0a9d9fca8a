"""State of rollouts in Redis: it survives the controller; every router reads it, one lease holder at a time writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from reference.serving.rollout.control.store import (
    FIRST,
    LeaseLostError,
    dump_policy,
    dump_state,
    entry,
    load_policy,
    load_state,
)
from reference.serving.rollout.types import Policy, RolloutError, RolloutState

_HERE = Path(__file__).parent


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


class RedisStateStore:
    """`redis`: a synchronous client, as `reference.serving.redis_store.connect()` gives; `prefix`: of all keys."""

    def __init__(self, redis: Any, prefix: str = "rollout") -> None:
        self.redis, self.prefix = redis, prefix
        self._save = redis.register_script((_HERE / "state_save.lua").read_text(encoding="utf-8"))
        self._take = redis.register_script((_HERE / "lease_take.lua").read_text(encoding="utf-8"))
        self._release = redis.register_script((_HERE / "lease_release.lua").read_text(encoding="utf-8"))

    def _key(self, kind: str, name: str) -> str:
        return f"{self.prefix}:{kind}:{name}"

    def load(self, rollout_id: str) -> tuple[RolloutState, Policy] | None:
        """None if there is no such rollout."""
        state, policy = self.redis.hmget(self._key("state", rollout_id), "state", "policy")
        return None if state is None else (load_state(_text(state)), load_policy(_text(policy)))

    def active(self, model: str) -> RolloutState | None:
        """The rollout that routers of `model` follow: the running one, else the last."""
        rollout_id = self.redis.get(self._key("active", model))
        found = self.load(_text(rollout_id)) if rollout_id else None
        return found[0] if found else None

    def acquire(self, rollout_id: str, owner: str, seconds: float) -> bool:
        """Take or renew the lease by the server's clock; False while another owner holds it."""
        return bool(self._take(keys=[self._key("lease", rollout_id)], args=[owner, max(1, int(seconds * 1000))]))

    def release(self, rollout_id: str, owner: str) -> None:
        """Give the lease up if `owner` holds it, so that the next controller need not wait for its end."""
        self._release(keys=[self._key("lease", rollout_id)], args=[owner])

    def take_over(self, rollout_id: str, owner: str, seconds: float) -> None:
        """The lease, whoever holds it; the former holder's next write is refused."""
        self.redis.set(self._key("lease", rollout_id), owner, px=max(1, int(seconds * 1000)))

    def now(self) -> float:
        """The server's clock, seconds since the epoch: the same for every controller, whatever its own says."""
        seconds, micro = self.redis.time()
        return float(round(seconds + micro / 1e6, 3))

    def head(self, rollout_id: str) -> str:
        """Hash of the last audit entry as the state keeps it, "" without one."""
        found = self.redis.hget(self._key("state", rollout_id), "head")
        return _text(found) if found else ""

    def save(self, state: RolloutState, policy: Policy, owner: str, evidence: dict[str, Any]) -> None:
        """LeaseLostError if `owner` lost the lease or the state moved on; RolloutError if another rollout runs."""
        rollout_id = state.rollout_id
        log = self._key("audit", rollout_id)
        last = self.redis.lindex(log, -1)
        # The generation that the script demands makes this entry follow the one just read, or nothing is written.
        made = entry(state, owner, evidence, json.loads(_text(last))["hash"] if last else FIRST, self.now())
        said = _text(
            self._save(
                keys=[
                    self._key("state", rollout_id),
                    self._key("lease", rollout_id),
                    log,
                    self._key("active", state.model),
                ],
                args=[
                    owner,
                    state.generation,
                    dump_state(state),
                    dump_policy(policy),
                    json.dumps(made, sort_keys=True),
                    rollout_id,
                    self._key("state", ""),
                    int(state.over),
                    made["hash"],
                ],
            )
        )
        if said == "lease":
            raise LeaseLostError(f"{rollout_id}: {owner} does not hold the lease")
        if said.startswith("generation"):
            raise LeaseLostError(f"{rollout_id}: generation {state.generation} after {said.split()[1]}")
        if said.startswith("running"):
            raise RolloutError(
                f"{state.model}: rollout {said.split(maxsplit=1)[1]} is still running; finish or abort it first"
            )

    def audit(self, rollout_id: str) -> list[dict[str, Any]]:
        return [json.loads(_text(one)) for one in self.redis.lrange(self._key("audit", rollout_id), 0, -1)]
