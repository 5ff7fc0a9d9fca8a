"""The engine that was measured under rising load, from engine.toml beside this module."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal


@dataclass(frozen=True)
class EnginePoint:
    """One load. `load`: requests in flight (closed) or arrivals/s (open). Times in seconds.

    whole_s: from the request to its last token, by the medians: first token, then each of the rest.
    """

    kind: Literal["closed", "open"]
    load: float
    requests: int
    output_tokens_per_s: float
    first_token_s: float
    first_token_p99_s: float
    token_s: float
    output_tokens: int

    @property
    def whole_s(self) -> float:
        return self.first_token_s + (self.output_tokens - 1) * self.token_s

    @property
    def requests_per_s(self) -> float:
        return self.output_tokens_per_s / self.output_tokens


@functools.cache
def _table() -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath("engine.toml").read_text("utf-8"))


def engine() -> str:
    """What was measured on what, in words."""
    table = _table()
    return f"benchmark gpu_vllm_closed of {table['date']}, {table['machine']}: {table['engine']}"


def tokens() -> tuple[int, int]:
    """Tokens in and out of every request."""
    return int(_table()["input_tokens"]), int(_table()["output_tokens"])


@functools.cache
def points(kind: str) -> tuple[EnginePoint, ...]:
    """The points of one kind, by rising load. Raises KeyError for a kind that was not measured."""
    found = [row for row in _table()["points"] if row["kind"] == kind]
    if not found:
        raise KeyError(f"no points of kind {kind!r}; there are closed and open")
    return tuple(
        EnginePoint(
            kind=row["kind"], load=row["load"], requests=row["requests"],
            output_tokens_per_s=row["output_tokens_per_s"], first_token_s=row["ttft_p50_ms"] / 1000,
            first_token_p99_s=row["ttft_p99_ms"] / 1000, token_s=row["tpot_p50_ms"] / 1000, output_tokens=tokens()[1],
        )
        for row in sorted(found, key=lambda row: row["load"])
    )  # fmt: skip


def at(kind: str, load: float) -> EnginePoint:
    """One point. Raises KeyError that lists the loads there are."""
    for point in points(kind):
        if point.load == load:
            return point
    raise KeyError(f"no {kind} point at {load:g}; there are {', '.join(f'{one.load:g}' for one in points(kind))}")


def best_within(first_token_p99_s: float) -> EnginePoint:
    """The open point with the most output whose p99 of the first token stays below a limit (s)."""
    good = [point for point in points("open") if point.first_token_p99_s <= first_token_p99_s]
    if not good:
        raise ValueError(f"no measured load keeps the first token within {first_token_p99_s:g} s at p99")
    return max(good, key=lambda point: point.output_tokens_per_s)


def full() -> EnginePoint:
    """The closed point with the most output: what a queue that never runs dry gets out of the engine."""
    return max(points("closed"), key=lambda point: point.output_tokens_per_s)
