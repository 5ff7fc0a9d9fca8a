"""Worker processes: started with a description on the command line, stopped by SIGTERM after the round in work.

The moderator is named as `module:function`; the function is called without arguments in the new process, so that
nothing has to be pickled and every process loads its own rules and models.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from reference.moderation.types import Action, Decision, ModerationError, Post, Tier

from .messages import Names

READY = "ready"


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """What a worker process needs to know.

    Attributes:
        moderator: `module:function` that gives a `Moderator`.
        stage: "screen" (tier 1; undecided posts go on), "decide" (all tiers), or "screen_final": tier 1 with nothing
            behind it, what the rules let pass is approved by them. The last is for rules-only set-ups and load tests.
        done_file: where each finished message is noted as `stamp posts nanoseconds` (`time.monotonic_ns`); empty: not.
    """

    url: str
    log: str
    moderator: str = "reference.moderation.pipeline.default:rules_moderator"
    stage: str = "screen"
    name: str = "worker"
    stream: str = "moderation:posts"
    read: int = 4
    claim_after_s: float = 5.0
    done_file: str = ""
    statements: bool = True
    settings: dict[str, Any] = field(default_factory=dict)


class WorkerProcess:
    """A worker in a process of its own; it ends with its parent."""

    def __init__(self, spec: WorkerSpec, ready_timeout_s: float = 120.0) -> None:
        self.spec = spec
        self._process = subprocess.Popen(
            [sys.executable, "-m", "reference.moderation.streams.process", json.dumps(asdict(spec))],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).resolve().parents[3],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
        self._ready_timeout = ready_timeout_s

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_ready(self) -> None:
        """Until rules and models are loaded. Raises ModerationError with the worker's own words if it ended instead."""
        import select

        assert self._process.stdout is not None
        readable, _, _ = select.select([self._process.stdout], [], [], self._ready_timeout)
        line = self._process.stdout.readline().strip() if readable else "no word from it"
        if line != READY:
            self.kill()
            raise ModerationError(f"worker {self.spec.name} did not start: {line or 'see its messages above'}")

    def kill(self) -> None:
        """kill -9: nothing is finished."""
        self._process.kill()
        self._process.wait()

    def stop(self, timeout_s: float = 30.0) -> dict[str, int]:
        """Lets it finish its round; returns its report, empty if it had been killed."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            output, _ = self._process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return {}
        lines = [line for line in output.splitlines() if line.startswith("{")]
        return dict(json.loads(lines[-1])) if lines else {}


def _die_with_parent() -> None:
    import ctypes

    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def approve_passed(posts: list[Post], decisions: list[Decision | None], versions: dict[str, str]) -> list[Decision]:
    """What tier 1 lets pass, as approvals by tier 1; for set-ups where nothing comes after it."""
    from datetime import UTC, datetime

    now = datetime.now(UTC)
    return [
        made or Decision(post.id, Action.APPROVE, "", Tier.RULES, (), versions, "und", post.country, 0, now)
        for post, made in zip(posts, decisions, strict=True)
    ]


def work(spec: WorkerSpec) -> dict[str, int]:
    """The worker's life in this process: until SIGTERM."""
    from reference.moderation.record import SqliteDecisionLog
    from reference.serving.redis_store import connect

    from .worker import StreamWorker

    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    module, _, function = spec.moderator.partition(":")
    moderator = getattr(importlib.import_module(module), function)()
    decides = {"screen": moderator.screen_only, "decide": moderator.decide}
    if spec.stage == "screen_final":
        # One policy version for the whole run: this stage approves in the base policy's name.
        version = moderator.policy_of(Post("x")).version

        def decide(posts: Any) -> Any:
            versions = {"policy": version, "rules": moderator.text_rules.version}
            return approve_passed(posts, moderator.screen_only(posts), versions)
    elif spec.stage in decides:
        decide = decides[spec.stage]
    else:
        raise ModerationError(f"there is no stage {spec.stage!r}; there are screen, decide, screen_final")
    notes = os.open(spec.done_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if spec.done_file else None

    def done(messages: list[tuple[bytes, int]]) -> None:
        assert notes is not None
        now = time.monotonic_ns()
        # One write for the round: it is in the kernel before the acknowledgement, so a kill -9 takes no line along.
        os.write(notes, b"".join(b"%s %d %d\n" % (stamp, count, now) for stamp, count in messages if stamp))

    worker = StreamWorker(
        connect(spec.url),
        SqliteDecisionLog(spec.log),
        decide,
        spec.name,
        Names(spec.stream),
        policy_of=moderator.policy_of if spec.statements else None,
        read=spec.read,
        claim_after_s=spec.claim_after_s,
        done=done if notes is not None else None,
        **spec.settings,
    )
    print(READY, flush=True)
    return asdict(worker.run(lambda: stopping))


def main() -> int:
    try:
        print(json.dumps(work(WorkerSpec(**json.loads(sys.argv[1])))), flush=True)
    except ModerationError as error:
        print(str(error).replace("\n", " "), flush=True)
        print(error, file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
