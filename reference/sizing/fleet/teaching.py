"""One replica of a continuous-batching engine with simpy, one step after the other: short, slow, to be read.

It says the same as the compiled core, written independently of it and without its shortcuts, and a test holds the two
to the same times. Left out: noise, prefix caches, fleets.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from reference.sizing.engine_model.model import EngineModel


@dataclass
class Request:
    """One request on its way through the engine. computed: tokens whose KV is held; made: answer tokens so far."""

    number: int
    sent: float
    n_in: int
    n_out: int
    computed: int = 0
    made: int = 0
    first: float = 0.0
    last: float = 0.0

    @property
    def to_read(self) -> int:
        """Prompt tokens, and after a pre-emption those made before it, that must be read before the next token."""
        return self.n_in + self.made - self.computed


class Replica:
    """The scheduler of a replica. `waiting` in order of arrival, `running` in order of admission."""

    def __init__(self, env: Any, engine: EngineModel) -> None:
        self.env, self.engine, self.limits = env, engine, engine.limits
        self.waiting: deque[Request] = deque()
        self.running: list[Request] = []
        self.reading: dict[int, int] = {}  # by number: what must be in the cache before it gives a token
        self.work = env.event()

    def blocks(self, tokens: int) -> int:
        """KV blocks that so many tokens take, whole ones."""
        return -(-tokens // self.limits.block_tokens)

    def decodes(self, s: Request) -> bool:
        """Of a running request: only its newest token is not in the cache yet."""
        return s.number not in self.reading

    def held(self) -> int:
        """KV blocks in use: a prompt's are taken when it is admitted, a decoding sequence's as it grows."""
        return sum(self.blocks(max(s.computed, self.reading.get(s.number, 0))) for s in self.running)

    def send(self, sequence: Request) -> None:
        """A request joins the line; an idle replica wakes up."""
        self.waiting.append(sequence)
        if not self.work.triggered:
            self.work.succeed()

    def plan(self) -> list[tuple[Request, int]]:
        """The tokens of the next step: decodes, then prompts that were begun, then newly admitted ones."""
        pool = self.limits.kv_tokens // self.limits.block_tokens
        pre_empted = False
        while True:
            decoding = [s for s in self.running if self.decodes(s)]
            growth = sum(self.blocks(s.computed + 1) - self.blocks(s.computed) for s in decoding)
            if self.held() + growth <= pool:
                break
            latest, pre_empted = self.running.pop(), True
            latest.computed = 0
            self.reading.pop(latest.number, None)
            self.waiting.appendleft(latest)
        step = [(s, 1) for s in decoding]
        budget = self.limits.max_num_batched_tokens - len(step)
        for s in self.running:
            if not self.decodes(s) and budget > 0:
                step.append((s, min(budget, s.to_read)))
                budget -= step[-1][1]
        while self.waiting and budget > 0 and len(self.running) < self.limits.max_num_seqs and not pre_empted:
            s = self.waiting[0]
            if self.held() + growth + self.blocks(s.to_read) > pool:
                break
            self.waiting.popleft()
            self.running.append(s)
            self.reading[s.number] = s.to_read
            step.append((s, min(budget, s.to_read)))
            budget -= step[-1][1]
        return step

    def seconds(self, step: Sequence[tuple[Request, int]]) -> float:
        """StepTime of the step: what it computes, who gets a token, what is read from the cache, pairs in prompts."""
        cost = self.engine.step
        read = [(s, n) for s, n in step if not self.decodes(s)]
        pairs = sum(n * s.computed + n * n / 2 for s, n in read)
        kv = sum(s.computed + 1 for s, _ in step if self.decodes(s))
        gives = sum(1 for s, n in step if s.to_read == n)
        return cost.curve(sum(n for _, n in step)) + cost.sequence_s * gives + cost.kv_s * kv + cost.pair_s * pairs

    def run(self) -> Generator[Any, Any, None]:
        """Step after step, for ever: the simpy process."""
        while True:
            step = self.plan()
            if not step:
                self.work = self.env.event()
                yield self.work
                continue
            yield self.env.timeout(self.seconds(step))
            for s, n in step:
                whole = s.to_read == n
                s.computed += n
                if whole:
                    self.reading.pop(s.number, None)
                    s.made += 1
                    s.first = self.env.now if s.made == 1 else s.first
                if s.made == s.n_out:
                    s.last = self.env.now
                    self.running.remove(s)


def simulate_with_simpy(
    arrived: Sequence[float], n_in: Sequence[int], n_out: Sequence[int], engine: EngineModel
) -> list[Request]:
    """Run one replica until all are answered. arrived: s. Returns the sequences with `first` and `last`, s."""
    import simpy

    env = simpy.Environment()
    replica = Replica(env, engine)
    everyone = [Request(i, *row) for i, row in enumerate(zip(arrived, n_in, n_out, strict=True))]

    def clients() -> Generator[Any, Any, None]:
        for sequence in everyone:
            yield env.timeout(sequence.sent - env.now)
            replica.send(sequence)

    env.process(clients())
    env.process(replica.run())
    env.run()
    return everyone
