"""The same measurement on several machines: one row per calibration record, empty where nothing was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reference.sizing.engine_model.record import CalibrationRecord, LoadPoint
from reference.sizing.knee import knee_index


def _closed(record: CalibrationRecord) -> list[LoadPoint]:
    points = [p for p in record.points if p.concurrency is not None and p.void is None]
    # One request shape, the one that most points have: a knee over several shapes would mix two curves.
    shapes = [(p.n_in, p.n_out) for p in points]
    usual = max(set(shapes), key=shapes.count) if shapes else None
    return sorted((p for p in points if (p.n_in, p.n_out) == usual), key=lambda p: p.concurrency or 0)


def machine_rows(records: Mapping[str, CalibrationRecord]) -> list[dict[str, Any]]:
    """One row per record with a closed-loop sweep: knee, tokens/s, TTFT and TPOT there, where it comes from."""
    rows = []
    for key, record in records.items():
        points = _closed(record)
        if len(points) < 3:
            continue
        at = points[knee_index([float(p.concurrency or 0) for p in points], [p.output_tok_s for p in points])]
        rows.append(
            {
                "machine": record.machine, "model": f"{record.model} {record.weight_dtype}",
                "tokens in / out": f"{at.n_in} / {at.n_out}", "knee, users": f"{at.concurrency}",
                "tokens/s there": f"{at.output_tok_s:,.0f}", "TTFT p50, ms": f"{at.ttft_p50_ms:,.0f}",
                "TPOT p50, ms": f"{at.tpot_p50_ms:,.1f}", "evidence": f"MEASURED, {record.date}, record {key}",
            }
        )  # fmt: skip
    return rows


# GPUs of the hardware table that people ask about; a row stays "not measured" until somebody adds a record.
ASKED = {"h100": "NVIDIA H100 SXM", "h200": "NVIDIA H200", "a100-80": "NVIDIA A100 80 GB", "l4": "NVIDIA L4"}


def machine_table(records: Mapping[str, CalibrationRecord], here: tuple[str, str, float, int]) -> Any:
    """Table for a notebook. here: machine, model, tokens/s at the knee, knee of this very run."""
    import pandas as pd

    machine, model, rate, users = here
    rows: list[dict[str, Any]] = [
        {"machine": machine, "model": model, "knee, users": f"{users}", "tokens/s there": f"{rate:,.0f}",
         "evidence": "MEASURED, this run"}
    ]  # fmt: skip
    rows += machine_rows(records)
    known = {record.hardware for record in records.values()}
    rows += [
        {"machine": name, "model": "not measured", "evidence": "run `workbook calibrate` there"}
        for key, name in ASKED.items()
        if key not in known
    ]
    return pd.DataFrame(rows).fillna("").style.hide(axis="index").set_properties(subset=None, **{"text-align": "left"})
