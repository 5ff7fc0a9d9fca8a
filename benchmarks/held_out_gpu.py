"""Loads of the H100's records that their fit did not see: ``python -m benchmarks.held_out_gpu``; no GPU is needed.

The measurements are older than the predictions, so this is held out but not blind; benchmarks/held_out.py is both, on
this machine. One term (a request waits for a step that was planned ahead) was added after a first look at these errors;
vLLM's release notes and the fit's own points ask for it too.
"""

from __future__ import annotations

import datetime as dt
import sys
from typing import Any

from benchmarks.common import write
from benchmarks.held_out import chain_of, named, summary_of
from reference.sizing.engine_model.errors import compare
from reference.sizing.engine_model.fit import fit_engine
from reference.sizing.engine_model.predict import predict
from reference.sizing.engine_model.record import CalibrationRecord, records
from reference.sizing.engine_model.replay import Load

SEEN = (1, 8, 32, 128)  # closed-loop users that the fit may use
KEYS = {"held_out_h100": "h100-llama-3.1-8b-bf16", "held_out_h100_fp8": "h100-llama-3.1-8b-fp8"}


def held_out(record: CalibrationRecord, name: str) -> dict[str, Any]:
    """Fit on SEEN and the prompts, predict every other point, and set the two side by side."""
    fitted = fit_engine(record, use=lambda point: point.concurrency in SEEN)
    points = [point for point in record.points if point.concurrency not in SEEN]
    guesses = [predict(fitted, point) for point in points]
    table = compare(guesses, points, caption=f"{record.machine}, {record.model} {record.weight_dtype}, {record.engine}")
    names = [Load.of(point).label for point in points]
    traces = [{"name": label, "group": "recorded"} for label in names]
    seen = record.model_copy(update={"points": [p for p in record.points if p.concurrency in SEEN]})
    return {
        "name": name,
        "date": record.date.isoformat(),
        "predicted_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "record": record.key,
        "command": "python -m benchmarks.held_out_gpu",
        "machine": record.machine,
        "versions": record.versions,
        "fitted_on": f"closed loops of {', '.join(map(str, SEEN))} users and prompts one at a time",
        "summary": summary_of(table),
        "table": named(table, names, table.knee),
        "chain": chain_of(seen, traces, guesses, points),
    }


def main() -> int:
    for name, key in KEYS.items():
        made = held_out(records()[key], name)
        print(f"{write(made)}: {made['summary']}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
