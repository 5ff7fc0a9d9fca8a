"""Calibrate a model shape with random weights, and what speculation gains on the same engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from reference.serving.calibration.dummy import dummy_engine, engine_arguments
from reference.serving.calibration.loads import closed_point
from reference.serving.calibration.probes import Target
from reference.serving.calibration.profiles import FULL, Profile
from reference.serving.calibration.session import calibrate
from reference.sizing.engine_model.record import CalibrationRecord
from reference.sizing.shapes import ModelShape

if TYPE_CHECKING:
    from reference.serving.engine import Engine


def calibrate_shape(
    model: ModelShape,
    profile: Profile = FULL,
    *,
    dtype: str = "bf16",
    speculation: str | None = None,
    key: str | None = None,
    command: str = "workbook calibrate --shape",
    max_len: int = 8192,
    seed: int = 0,
    say: Callable[[str], None] = print,
    **options: Any,
) -> CalibrationRecord:
    """Start an engine of this shape with random weights, calibrate it and stop it. `options` go to `calibrate`.

    speculation: "ngram" starts it once more with prompt look-up and sends the same closed loops.
    Raises CalibrationError for what this machine cannot do, before anything starts.
    """
    for kind in (None, speculation):
        engine_arguments(dtype, kind)
    with dummy_engine(model, dtype, max_len=max_len, progress=say) as engine:
        record = calibrate(
            engine,
            profile,
            model=model.key,
            key=key,
            weight_dtype=dtype,
            weights="random",
            command=command,
            seed=seed,
            say=say,
            **options,
        )
    if speculation is None:
        return record
    with dummy_engine(model, dtype, speculation=speculation, max_len=max_len, progress=say) as engine:
        rows = speculation_rows(engine, record, speculation, options.get("generator"))
    return record.model_copy(update={"speculation": rows})


def speculation_rows(
    engine: Engine, record: CalibrationRecord, method: str, generator: Any = None
) -> list[dict[str, Any]]:
    """The first measurement of each closed loop of `record` once more, on an engine that speculates.

    Random prompts and random weights: acceptance is that of a model without meaning, so a row shows what speculation
    costs where drafts fail, or gains where the weights make the answer repeat itself; not what a text would gain.
    """
    target = Target(engine.base_url, engine.model, engine.api_key, generator)
    rows: list[dict[str, Any]] = []
    for plain in record.points:
        done = {row["concurrency"] for row in rows}
        if plain.concurrency is None or plain.void or plain.concurrency in done:
            continue
        before = engine.metrics()
        point = closed_point(
            target,
            plain.concurrency,
            plain.n_in,
            plain.n_out,
            spread=plain.output_spread,
            requests=plain.requests,
            seed=plain.seed or 0,
        )
        after = engine.metrics()

        def rise(name: str, before: dict[str, float] = before, after: dict[str, float] = after) -> float:
            full = f"vllm:spec_decode_num_{name}_tokens_total"
            return after.get(full, 0.0) - before.get(full, 0.0)

        drafted = rise("draft")
        rows.append(
            {
                "method": method,
                "concurrency": plain.concurrency,
                "n_in": plain.n_in,
                "n_out": plain.n_out,
                "output_tok_s": point.output_tok_s,
                "plain_output_tok_s": plain.output_tok_s,
                "acceptance": round(rise("accepted") / drafted, 4) if drafted else 0.0,
                "requests": point.requests,
            }
        )
    return rows
