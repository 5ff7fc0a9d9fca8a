"""What every state store shares: how state and policy are written, the chained audit log, and a store in memory."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from reference.serving.rollout.types import Phase, Policy, RolloutError, RolloutState

FIRST = "0" * 64


class LeaseLostError(RolloutError):
    """Another controller owns the rollout, or wrote since this one read: nothing was written. Load again and go on."""


def dump_state(state: RolloutState) -> str:
    return json.dumps(dataclasses.asdict(state), sort_keys=True)


def load_state(text: str) -> RolloutState:
    """Raise RolloutError for a state that this version cannot read."""
    try:
        values = json.loads(text)
        return RolloutState(**values | {"phase": Phase(values["phase"])})
    except (ValueError, TypeError, KeyError) as error:
        raise RolloutError(
            f"state: not readable by this version ({error}); finish the rollout with the one that wrote it"
        ) from error


def dump_policy(policy: Policy) -> str:
    return json.dumps(dataclasses.asdict(policy), sort_keys=True)


def load_policy(text: str) -> Policy:
    values = json.loads(text)
    return Policy(**values | {name: tuple(values[name]) for name in ("steps", "bake_s")})


def entry(state: RolloutState, owner: str, evidence: dict[str, Any], previous: str, at: float) -> dict[str, Any]:
    """One audit entry; its hash covers everything in it and the hash of the entry before."""
    made = {
        "at": at,
        "owner": owner,
        "state": json.loads(dump_state(state)),
        "evidence": evidence,
        "previous": previous,
    }
    made = json.loads(json.dumps(finite(made), sort_keys=True, default=str))
    return made | {"hash": digest(made)}


def finite(value: Any) -> Any:
    """JSON knows no infinity and no NaN: they are written as words."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [finite(one) for one in value]
    return value


def digest(made: dict[str, Any]) -> str:
    body = {key: value for key, value in made.items() if key != "hash"}
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def verify(entries: Sequence[dict[str, Any]], head: str = "") -> str:
    """What is wrong with a log, "" if it is whole: a changed, missing, added or reordered entry.

    head: hash of the last entry as kept elsewhere (`StateStore.head`); without it a cut tail cannot be seen.
    """
    previous, generation = FIRST, 0
    for number, one in enumerate(entries, 1):
        if one.get("hash") != digest(one):
            return f"entry {number} was changed after it was written"
        if one["previous"] != previous:
            return f"entry {number} does not follow entry {number - 1}: something was removed or put in"
        if one["state"]["generation"] != generation + 1:
            return f"entry {number} skips from generation {generation} to {one['state']['generation']}"
        previous, generation = one["hash"], one["state"]["generation"]
    if head and previous != head:
        return f"entries after number {len(entries)} are missing"
    return ""


class MemoryStateStore:
    """For tests, drills and the simulation: the same rules as the Redis store, inside one process."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self._lock = threading.Lock()
        self._states: dict[str, tuple[str, str]] = {}
        self._active: dict[str, str] = {}
        self._audit: dict[str, list[dict[str, Any]]] = {}
        self._leases: dict[str, tuple[str, float]] = {}

    def load(self, rollout_id: str) -> tuple[RolloutState, Policy] | None:
        found = self._states.get(rollout_id)
        return (load_state(found[0]), load_policy(found[1])) if found else None

    def active(self, model: str) -> RolloutState | None:
        rollout_id = self._active.get(model)
        return load_state(self._states[rollout_id][0]) if rollout_id else None

    def acquire(self, rollout_id: str, owner: str, seconds: float) -> bool:
        with self._lock:
            holder, until = self._leases.get(rollout_id, ("", 0.0))
            if holder != owner and self.clock() < until:
                return False
            self._leases[rollout_id] = (owner, self.clock() + seconds)
            return True

    def take_over(self, rollout_id: str, owner: str, seconds: float) -> None:
        with self._lock:
            self._leases[rollout_id] = (owner, self.clock() + seconds)

    def now(self) -> float:
        return self.clock()

    def head(self, rollout_id: str) -> str:
        log = self._audit.get(rollout_id)
        return str(log[-1]["hash"]) if log else ""

    def release(self, rollout_id: str, owner: str) -> None:
        with self._lock:
            if self._leases.get(rollout_id, ("", 0.0))[0] == owner:
                del self._leases[rollout_id]

    def save(self, state: RolloutState, policy: Policy, owner: str, evidence: dict[str, Any]) -> None:
        with self._lock:
            holder, until = self._leases.get(state.rollout_id, ("", 0.0))
            if holder != owner or self.clock() >= until:
                raise LeaseLostError(f"{state.rollout_id}: {owner} does not hold the lease")
            found = self._states.get(state.rollout_id)
            stored = load_state(found[0]).generation if found else 0
            if state.generation != stored + 1:
                raise LeaseLostError(f"{state.rollout_id}: generation {state.generation} after {stored}")
            running = self._active.get(state.model)
            if running and running != state.rollout_id and not load_state(self._states[running][0]).over:
                raise RolloutError(f"{state.model}: rollout {running} is still running; finish or abort it first")
            log = self._audit.setdefault(state.rollout_id, [])
            log.append(entry(state, owner, evidence, log[-1]["hash"] if log else FIRST, self.clock()))
            self._states[state.rollout_id] = (dump_state(state), dump_policy(policy))
            self._active[state.model] = state.rollout_id

    def audit(self, rollout_id: str) -> list[dict[str, Any]]:
        return list(self._audit.get(rollout_id, []))
