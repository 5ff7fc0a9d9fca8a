"""The loads that `held_out` predicts and then measures, drawn from a seed, request by request."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

from reference.sizing.engine_model.fitted import Fitted
from reference.sizing.engine_model.predict import predict
from reference.sizing.engine_model.replay import Load, output_lengths
from reference.sizing.knee import knee_index

LADDER_SIZE = (64, 64)  # tokens in and out; no load of a calibration has these
OPEN_SIZE = (96, 16)  # short, so that 200 requests at a third of saturation take minutes and not an hour
MIX = ((32, 8), (64, 48), (256, 24), (600, 16))  # of one trace, equally likely
SPREAD = 0.25


def trace(
    name: str, group: str, n_in: list[int], n_out: list[int], *, spread: float, seed: int, mean: tuple[int, int],
    concurrency: int | None = None, rate: float | None = None, arrivals: list[float] | None = None,
) -> dict[str, Any]:  # fmt: skip
    count = len(n_in)
    warmup, cooldown = (concurrency, concurrency) if concurrency else (round(0.2 * count), max(1, round(0.1 * count)))
    return {
        "name": name, "group": group, "concurrency": concurrency, "rate": rate, "arrivals": arrivals,
        "mean_in": mean[0], "mean_out": mean[1], "output_spread": spread, "seed": seed, "warmup": warmup,
        "cooldown": cooldown, "prompt_tokens": n_in, "output_tokens": n_out,
    }  # fmt: skip


def load_of(one: dict[str, Any]) -> Load:
    return Load(
        one["mean_in"], one["mean_out"], len(one["prompt_tokens"]) - one["warmup"] - one["cooldown"],
        concurrency=one["concurrency"], rate=one["rate"], arrivals=one["arrivals"],
        output_spread=one["output_spread"], warmup=one["warmup"], cooldown=one["cooldown"], seed=one["seed"],
    )  # fmt: skip


def bursty(rate: float, count: int, seed: int, cv: float = 2.0) -> list[float]:
    """Arrivals with gamma gaps whose standard deviation is `cv` times their mean; the last falls on count / rate."""
    times = np.cumsum(np.random.default_rng([seed, 4]).gamma(1 / cv**2, size=count))
    return (times * (count / rate / times[-1])).round(4).tolist()


def poisson(rate: float, count: int, seed: int) -> list[float]:
    return bursty(rate, count, seed, cv=1.0)  # gamma of shape 1 is exponential


def ladder_of(knee: float, most: int) -> list[int]:
    """Users around a predicted knee, none of them more than `most`."""
    shares = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0)
    return sorted({min(most, max(1, round(knee * share))) for share in shares} | {1})


def draw(fitted: Fitted, seed: int, small: bool) -> list[dict[str, Any]]:
    """The traces: a ladder of closed loops around the predicted knee, other sizes, and open loops up to 1.1 of the
    predicted saturation. `small` is for trying it out."""
    most = fitted.model.limits.max_num_seqs
    traces: list[dict[str, Any]] = []

    def closed(group: str, users: int, n_in: int, n_out: int) -> None:
        number = seed * 1000 + len(traces)
        count = (max(8, 3 * users) if not small else 4) + 2 * users
        lengths = output_lengths(n_out, SPREAD, count, number).tolist()
        traces.append(
            trace(f"{users} users, {n_in}/{n_out}", group, [n_in] * count, lengths, spread=SPREAD, seed=number,
                  mean=(n_in, n_out), concurrency=users)
        )  # fmt: skip

    sweep = sorted({c for c in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48) if c <= most})
    rates = [predict(fitted, closed_load(c, *LADDER_SIZE)).output_tok_s for c in sweep]
    knee = sweep[knee_index(sweep, rates)]
    for users in (1, 2) if small else ladder_of(knee, min(most, 48)):
        closed("ladder", users, *LADDER_SIZE)
    for users, n_in, n_out in ((2, 256, 32),) if small else ((3, 256, 32), (10, 256, 32), (5, 512, 16), (20, 24, 40)):
        closed("sizes", users, n_in, n_out)

    top = max(predict(fitted, closed_load(c, *OPEN_SIZE)).request_s for c in (8, 16, 32, 64) if c <= most)
    plan = [("poisson", share) for share in (0.3, 0.5, 0.7, 0.9, 1.1)] + [("bursty", 0.5), ("bursty", 0.8)]
    for kind, share in (plan[1], plan[5]) if small else plan:
        number, rate = seed * 1000 + len(traces), float(f"{share * top:.4g}")
        count = 20 if small else (290 if share < 1 else 200)
        lengths = output_lengths(OPEN_SIZE[1], SPREAD, count, number).tolist()
        arrivals = (poisson if kind == "poisson" else bursty)(rate, count, number)
        traces.append(
            trace(f"{kind}, {share:.0%} of saturation, {OPEN_SIZE[0]}/{OPEN_SIZE[1]}", "open", [OPEN_SIZE[0]] * count,
                  lengths, spread=SPREAD, seed=number, mean=OPEN_SIZE, rate=rate, arrivals=arrivals)
        )  # fmt: skip
    for users in (2,) if small else (6, 16):
        number, count = seed * 1000 + len(traces), (8 if small else max(24, 3 * users)) + 2 * users
        rows = np.random.default_rng([number, 5]).choice(len(MIX), size=count)
        n_in, n_out = [MIX[i][0] for i in rows], [MIX[i][1] for i in rows]
        mean = (round(float(np.mean(n_in))), round(float(np.mean(n_out))))
        traces.append(
            trace(f"{users} users, mixed lengths", "mix", n_in, n_out, spread=0.0, seed=number, mean=mean,
                  concurrency=users)
        )  # fmt: skip
    return traces


def closed_load(users: int, n_in: int, n_out: int) -> Load:
    return Load(
        n_in, n_out, max(8, 3 * users), concurrency=users, warmup=users, cooldown=users, output_spread=SPREAD, seed=1
    )


def hash_of(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
