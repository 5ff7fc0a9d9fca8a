"""Step times and prompt times out of what a client sees: gaps between tokens, and first tokens of lone requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reference.serving.calibration.errors import CalibrationError
from reference.serving.load.generator import LoadGenerator
from reference.serving.load.records import RequestRecord
from reference.serving.load.replay import Replay, replay
from reference.sizing.engine_model.record import Spread


@dataclass(frozen=True)
class Target:
    """The engine under test, and the client that sends."""

    base_url: str
    model: str
    api_key: str
    generator: LoadGenerator | None = None

    def replay(self, **load: Any) -> Replay:
        """Raises CalibrationError if nothing of it succeeded: the engine is gone, or refuses what is asked."""
        try:
            run = replay(self.base_url, self.model, self.api_key, generator=self.generator, **load)
        except ValueError as error:
            raise CalibrationError(f"the load cannot be sent: {error}") from error
        if len(run.failed) == len(run.records):
            raise CalibrationError(
                f"the engine at {self.base_url} answered none of {len(run.records)} requests "
                f"({last_line(run.failed[0])}); nothing was recorded. See the engine's log, then calibrate again"
            )
        return run


def last_line(error: str) -> str:
    return error.strip().splitlines()[-1][:200]


def spread_of(milliseconds: Sequence[float]) -> Spread:
    """Median, quartiles and count. Raises CalibrationError without samples."""
    if not len(milliseconds):
        raise CalibrationError("no sample was taken: every request of this point failed")
    p25, median, p75 = (float(f"{x:.5g}") for x in np.percentile(milliseconds, [25, 50, 75]))
    return Spread(median=median, p25=p25, p75=p75, n=len(milliseconds))


def moments_of(record: RequestRecord) -> Any:
    """Seconds on the client's clock at which each token event arrived, shape [events]."""
    return record.start + record.ttft + np.concatenate([[0.0], np.cumsum(record.itls)])


# Steps per sample. The client may see two tokens at once that two steps made (both had come when it looked), so single
# gaps hold zeros and doubles; the time of eight steps over eight does not.
PIECE = 8


def step_gaps(records: Sequence[RequestRecord]) -> tuple[list[float], float]:
    """Times [s] per step while all of `records` decode, each over PIECE steps, and the mean number of tokens made then.

    From the last one's first token to the first one's last: before that, prompts are still read; after it, the batch is
    smaller. Every step makes one token of each sequence, so the time between tokens is that of the steps between them.
    """
    streams = [moments_of(r) for r in records]
    begin, end = max(m[0] for m in streams), min(m[-1] for m in streams)
    gaps: list[float] = []
    places: list[float] = []
    for moments in streams:
        inside = np.flatnonzero((moments >= begin) & (moments <= end))
        apart = min(PIECE, inside.size - 1)
        if apart > 0:
            gaps += (np.diff(moments[inside][::apart]) / apart).tolist()
        places += inside.tolist()
    return [gap for gap in gaps if gap > 0], float(np.mean(places)) if places else 0.0


def decode_steps(target: Target, batch: int, prompt: int, tokens: int) -> tuple[list[float], float]:
    """Step times [ms] of `batch` sequences of `prompt` tokens that start together and make `tokens` each, and the mean
    context [tokens] at which they were taken."""
    run = target.replay(arrivals=[0.0] * batch, prompt_tokens=prompt, output_tokens=tokens)
    good = [r for r in run.records if r.ok]
    if len(good) < batch:
        raise CalibrationError(
            f"{batch - len(good)} of {batch} requests of a batch failed ({last_line(run.failed[0])})"
        )
    gaps, made = step_gaps(good)
    return [1e3 * gap for gap in gaps], prompt + made


def lone_prompts(target: Target, prompts: Sequence[int], trials: int, seed: int) -> dict[int, list[float]]:
    """Prompt length -> times to the first token [ms], one request at a time, lengths in mixed order."""
    order = np.random.default_rng(seed).permutation(np.repeat(prompts, trials)).tolist()
    run = target.replay(concurrency=1, prompt_tokens=[16, 16, *order], output_tokens=1)
    found: dict[int, list[float]] = {length: [] for length in prompts}
    # The first two open the connection and warm up.
    for length, record in list(zip([16, 16, *order], run.records, strict=True))[2:]:
        if record.ok:
            found[length].append(1e3 * record.ttft)
    return found


def cached_prompts(target: Target, shared: int, trials: int, tail: int = 16) -> tuple[list[float], list[float]]:
    """Times to the first token [ms] of prompts of `shared` + `tail` tokens: the first, and those that find a prefix."""
    run = target.replay(
        concurrency=1, prompt_tokens=shared + tail, output_tokens=1, requests=1 + trials, shared_tokens=shared
    )
    times = [1e3 * r.ttft if r.ok else np.nan for r in run.records]
    return [t for t in times[:1] if t == t], [t for t in times[1:] if t == t]


def in_rotation(items: Sequence[Any], round_number: int) -> list[Any]:
    """Forward in even rounds, backward in odd ones: a drift over the session then does not look like a slope."""
    return list(items) if round_number % 2 == 0 else list(reversed(items))
