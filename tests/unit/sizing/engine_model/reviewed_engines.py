"""What the expressions of engines_as_reviewed.json are made of: engines, deployments, loads, records, evidence.

The keys of that file are evaluated in the names of their module and of this one. To pin another value, add its
expression with `null`. `python tests/unit/sizing/engine_model/reviewed_engines.py` writes all values anew; the
difference is what a reviewer reads.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import importlib
import json
import math
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[3])]

import numpy as np  # noqa: E402
from engine_records import LIMITS, closed, engine, load_point, record  # noqa: E402
from reviewed import evaluated, read, write  # noqa: E402
from reviewed_declarations import declared  # noqa: E402

from reference.sizing.engine_model.fitted import Fitted, Residual  # noqa: E402
from reference.sizing.engine_model.model import CalibratedRange  # noqa: E402
from reference.sizing.engine_model.predict import predict  # noqa: E402
from reference.sizing.engine_model.record import (  # noqa: E402
    CalibrationRecord,
    PrefillPoint,
    Spread,
    StepPoint,
    records,
)
from reference.sizing.engine_model.replay import Load  # noqa: E402
from reference.sizing.evidence import Cited, Derived, Measured, Simulated  # noqa: E402
from reference.sizing.hardware import accelerator  # noqa: E402
from reference.sizing.roofline import Deployment  # noqa: E402
from reference.sizing.shapes import shape  # noqa: E402
from reference.sizing.units import Q  # noqa: E402

REVIEWED, DECLARED = HERE / "engines_as_reviewed.json", HERE / "engines_declared.json"
REWRITE = f"if it is meant: python tests/unit/sizing/engine_model/{Path(__file__).name}, and read the difference"

BENT = engine()
NOISY = engine(base_ms=5.0, token_ms=0.07, sequence_ms=0.3, kv_us=0.5, pair_ns=30.0, overhead_ms=2.0, noise_cv=0.1)
TIGHT = engine(
    limits=dataclasses.replace(LIMITS, max_num_seqs=6, max_num_batched_tokens=96, kv_tokens=2100, block_tokens=8)
)
LLAMA = {gpu: Deployment(shape("llama-3.1-8b"), accelerator(gpu)) for gpu in ("h100", "l4")}
FOUR = Deployment(shape("llama-3.1-70b"), accelerator("h100"), 4, weight_dtype="fp8")
DERIVED = Derived("module.f", {"rate": Q(3, "GB/s"), "who": "x<y", "share": 0.25}, units_checked=False)
MEASURED = Measured("a <box>", {"vllm": "1.2", "torch": "3"}, "make", 3, "1 %", dt.date(2026, 1, 2))
SIMULATED = Simulated("m", "Erlang C +0.1 %", 7, 3, "p50 1 s")
CITED = Cited("a paper", dt.date(2025, 3, 4), "table 2")


@functools.cache
def points() -> list[Any]:
    """What two engines gave under closed and open loops; the last point is void."""
    rng = np.random.default_rng(3)
    made = [load_point(NOISY, closed(users, 100, 12), rng, 0.05, seed=users) for users in (1, 3, 9, 20)]
    made.append(load_point(TIGHT, Load(60, 9, 30, rate=6.0, warmup=4, cooldown=3), rng, 0.1))
    made.append(load_point(TIGHT, Load(60, 9, 30, rate=45.0, warmup=4, cooldown=3, percentile="higher"), rng, 0.1))
    return [*made, made[1].model_copy(update={"void": "the client was late"})]


@functools.cache
def predicted() -> list[Any]:
    return [predict(NOISY, point) for point in points()]


def small(**more: Any) -> CalibrationRecord:
    """A record with uneven contexts, prompts and quartiles, and whatever else is wanted."""
    spreads = [
        Spread(median=m, p25=m * (1 - 0.01 * k), p75=m * (1 + 0.02 * k), n=5 + k)
        for k, m in enumerate((7.0, 8.5, 9.0, 14.0))
    ]
    at = ((1, 64), (4, 64), (4, 900), (16, 500))
    steps = [StepPoint(batch=b, context=c, ms=ms) for (b, c), ms in zip(at, spreads, strict=True)]
    prefills = [
        PrefillPoint(prompt=p, cached=c, ms=Spread(median=5.0 + 0.03 * (p - c), n=3))
        for p, c in ((16, 0), (200, 0), (700, 100), (1500, 0))
    ]
    kept = record(BENT, steps=False).model_copy(update={"steps": steps, "prefills": prefills})
    return kept.model_copy(update=more)


def with_draws() -> Fitted:
    """A fit made by hand: two draws beside the model, five residuals."""
    model = dataclasses.replace(
        NOISY, noise_cv=0.02, calibrated=CalibratedRange((1.0, 16.0), (16.0, 500.0), (16.0, 900.0))
    )
    faster = dataclasses.replace(model, step=dataclasses.replace(model.step, seconds=(0.004, 0.005, 0.03)))
    left = (
        Residual("a", "tpot_p50_ms", 11.0, 10.0), Residual("b", "ttft_p50_ms", 6.0, 10.0),
        Residual("c", "tpot_p50_ms", 9.0, 9.1), Residual("d", "tpot_p50_ms", 10.3, 10.0),
        Residual("e", "output_tok_s", 9.5, 10.0),
    )  # fmt: skip
    spread = {"output_tok_s": 0.02, "tpot_p50_ms": 0.05, "ttft_p50_ms": 0.1, "ttft_p99_ms": 0.3}
    return Fitted(model, small(), (), left, (faster, NOISY), spread)


def rounded(fit: Fitted) -> dict[str, Any]:
    """A fit to three digits, which is what a search leaves the same on another processor."""

    def short(value: Any) -> Any:
        if isinstance(value, float):
            return float(f"{value:.3g}")
        if isinstance(value, dict):
            return {key: short(one) for key, one in value.items()}
        return [short(one) for one in value] if isinstance(value, list | tuple) else value

    model, draws = dataclasses.asdict(fit.model), [dataclasses.asdict(one.step) for one in fit.draws[:3]]
    told = {name: model[name] for name in ("name", "step", "limits", "overhead_s", "noise_cv", "calibrated")}
    return {
        **{name: short(value) for name, value in told.items()}, "draws": short(draws), "spread": short(fit.spread),
        "residuals": [(one.what, one.metric, short(one.fitted)) for one in fit.residuals], "used": len(fit.used),
    }  # fmt: skip


def added(a: float, b: float) -> float:
    return a + b


def found(module: str, expressions: Iterable[str]) -> dict[str, Any]:
    """Expression -> value or error, in the names of the module and of this one."""
    names = {**globals(), "np": np, "math": math, "records": records}
    names |= vars(importlib.import_module(f"reference.sizing.{module}"))
    return evaluated(expressions, names)


def declared_now(module: str) -> dict[str, Any]:
    """What a module declares, wherever this checkout lies."""
    return dict(json.loads(json.dumps(declared(f"reference.sizing.{module}")).replace(str(HERE.parents[3]), "")))


def as_reviewed() -> dict[str, dict[str, Any]]:
    return read(REVIEWED)


def rewrite() -> None:
    """Evaluate every key again."""
    write(REVIEWED, {module: found(module, expressions) for module, expressions in as_reviewed().items()})
    write(DECLARED, {module: declared_now(module) for module in as_reviewed()})


if __name__ == "__main__":
    import reviewed_engines  # under its own name, which evidence tells

    reviewed_engines.rewrite()
