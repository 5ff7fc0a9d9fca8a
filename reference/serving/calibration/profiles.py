"""How much a calibration measures. The numbers are choices of what to measure, not results."""

from __future__ import annotations

from dataclasses import dataclass, replace

from reference.sizing.engine_model.record import Limits


@dataclass(frozen=True)
class Profile:
    """Everything is measured once per round, so that drift between the rounds shows.

    batches, contexts: decode steps of so many sequences with a short prompt, and (batch, prompt tokens) pairs.
    prompts, shared: lone prompts by length, and cached prefixes (multiples of 128, the CPU build's block).
    n_in, n_out, output_spread: requests of the load points. `waves` requests per user of a closed loop, at least 8.
    others: further closed loops as (concurrency, n_in, n_out). open_shares: arrivals as shares of the highest measured
    request rate, for `open_s` seconds each. client: concurrencies at which the client itself is calibrated.
    """

    name: str
    rounds: int
    batches: tuple[int, ...]
    step_tokens: int
    contexts: tuple[tuple[int, int], ...]
    prompts: tuple[int, ...]
    trials: int
    shared: tuple[int, ...]
    n_in: int
    n_out: int
    output_spread: float
    concurrencies: tuple[int, ...]
    waves: float
    others: tuple[tuple[int, int, int], ...]
    open_shares: tuple[float, ...]
    open_s: float
    client: tuple[int, ...]

    def within(self, limits: Limits) -> Profile:
        """Without what the engine cannot hold: longer prompts than its window, more sequences than it runs."""
        window, stretch = limits.max_model_len, 1 + self.output_spread
        n_out = max(2, min(self.n_out, int(window / 2 / stretch)))
        room = window - self.step_tokens
        return replace(
            self,
            batches=tuple(b for b in self.batches if b <= limits.max_num_seqs),
            contexts=tuple(
                (b, c)
                for b, c in self.contexts
                if c <= room and b <= limits.max_num_seqs and b * (c + self.step_tokens) <= limits.kv_tokens
            ),
            prompts=tuple(p for p in self.prompts if p < window),
            shared=tuple(s for s in self.shared if s + 16 < window) if limits.prefix_caching else (),
            n_in=max(1, min(self.n_in, window - round(n_out * stretch) - 1)),
            n_out=n_out,
            others=tuple(o for o in self.others if o[1] + round(o[2] * stretch) < window),
        )


FULL = Profile(
    name="full",
    rounds=2,
    batches=(1, 2, 4, 8, 16, 32, 64),
    step_tokens=40,
    contexts=((1, 512), (1, 1500), (4, 512), (4, 1500), (16, 512)),
    prompts=(16, 64, 128, 256, 512, 1024, 1800),
    trials=4,
    shared=(128, 512, 1024),
    n_in=128,
    n_out=48,
    output_spread=0.25,
    concurrencies=(1, 2, 4, 8, 16, 32),
    waves=2,
    others=((2, 384, 16), (12, 384, 16)),
    open_shares=(0.4, 0.7, 0.9, 1.2),
    open_s=25.0,
    client=(1, 8, 32, 96),
)
QUICK = Profile(
    name="quick",
    rounds=1,
    batches=(1, 4, 16),
    step_tokens=24,
    contexts=((1, 512),),
    prompts=(16, 128, 512, 1024),
    trials=3,
    shared=(512,),
    n_in=64,
    n_out=24,
    output_spread=0.25,
    concurrencies=(1, 4, 16),
    waves=2,
    others=(),
    open_shares=(0.6, 0.9),
    open_s=6.0,
    client=(1, 24),
)
# More sequences, longer prompts: a GPU's curve bends only there.
GPU = replace(
    FULL,
    name="gpu",
    batches=(1, 4, 16, 32, 64, 128, 256),
    step_tokens=64,
    contexts=((1, 2048), (1, 7000), (16, 2048), (64, 2048)),
    prompts=(16, 128, 512, 1024, 2048, 4096, 8000),
    trials=5,
    shared=(512, 2048, 6144),
    n_in=512,
    n_out=128,
    concurrencies=(1, 4, 16, 64, 128, 256),
    others=((8, 2048, 64), (32, 2048, 64)),
    open_shares=(0.4, 0.7, 0.9, 1.1),
    open_s=15.0,
    client=(1, 32, 128, 256),
)
