"""How close a prediction comes to loads that no calibration has seen: predicted first, measured after.

    python -m benchmarks.held_out --predict     fit the record of this machine, draw the traces, write the predictions
    python -m benchmarks.held_out --measure     send exactly these traces to the engine, write the table of errors

Both files carry the hash of the traces and the moment they were made. `--measure` refuses predictions of other traces
or of another record, so the order can be read off the files.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import math
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import RESULTS, write
from benchmarks.held_out_traces import draw, hash_of, load_of
from reference.sizing.engine_model.errors import ErrorTable, compare
from reference.sizing.engine_model.fit import fit_engine
from reference.sizing.engine_model.fitted import Fitted
from reference.sizing.engine_model.formulas import side_by_side
from reference.sizing.engine_model.predict import COVERED, SEEDS, Estimate, PredictedPoint, outside_of, predict
from reference.sizing.engine_model.record import FOLDER, CalibrationRecord, LoadPoint
from reference.sizing.engine_model.replay import METRICS, measure
from reference.sizing.evidence import Simulated

PREDICTED, MEASURED = "held_out_predictions", "held_out_measured"


class Refused(RuntimeError):
    """The measurement must not run; the message says why."""


# --- prediction -------------------------------------------------------------------------------------------------------


def predicted(fitted: Fitted, one: dict[str, Any]) -> PredictedPoint:
    """As `predict`, and for mixed lengths, which `Load` cannot hold, the same steps with the trace's own lengths."""
    load = load_of(one)
    if one["group"] != "mix":
        return predict(fitted, load)
    from reference.sizing.fleet.engine import simulate_closed_loop

    n_in, n_out = (np.array(one[name], dtype=np.int32) for name in ("prompt_tokens", "output_tokens"))

    def once(model: Any, seed: int) -> dict[str, float]:
        run = simulate_closed_loop(model, one["concurrency"], n_in, n_out, seed=seed)
        return measure(
            run.sent_s, run.ttft_s, run.e2e_s, n_out, closed=True, warmup=one["warmup"], cooldown=one["cooldown"]
        )

    plain = [once(fitted.model, seed) for seed in range(SEEDS)]
    drawn = [once(model, SEEDS + k) for k, model in enumerate(fitted.draws)] or plain
    rng, metrics = np.random.default_rng(0), {}
    kin = {"request_s": "output_tok_s", "ttft_p90_ms": "ttft_p99_ms", "tpot_p90_ms": "tpot_p50_ms"}
    for metric in METRICS:
        value = float(np.median([run[metric] for run in plain]))
        name = kin.get(metric, "tpot_p50_ms" if metric.startswith("tpot") else metric)
        logs = np.log([run[metric] for run in drawn])[:, None] + fitted.spread.get(name, 0.0) * rng.normal(size=500)
        low, high = np.exp(np.quantile(logs, [(1 - COVERED) / 2, (1 + COVERED) / 2]))
        metrics[metric] = Estimate(value, min(float(low), value), max(float(high), value))
    batch = float(np.median([run["batch"] for run in plain]))
    evidence = predict(fitted, load).evidence
    outside = outside_of(fitted.model, load, batch)
    return PredictedPoint(load, metrics, batch, fitted.model.limits.max_num_seqs, outside, evidence)


def make_predictions(record: CalibrationRecord, seed: int = 8, small: bool = False) -> dict[str, Any]:
    fitted = fit_engine(record)
    traces = draw(fitted, seed, small)
    points = [predicted(fitted, one) for one in traces]
    return {
        "name": PREDICTED + ("_small" if small else ""),
        "made": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "record": record.key,
        "record_sha256": hash_of(record.model_dump(mode="json")),
        "seed": seed,
        "command": "python -m benchmarks.held_out --predict",
        "model": asdict(fitted.model.step) | {"overhead_s": fitted.model.overhead_s, "noise_cv": fitted.model.noise_cv},
        "fit_spread": fitted.spread,
        "fit_worst": asdict(fitted.worst()) if fitted.residuals else None,
        "traces_sha256": hash_of(traces),
        "traces": traces,
        "predictions": [
            {
                "name": one["name"],
                "batch": point.batch,
                "seats": point.seats,
                "outside": list(point.outside),
                "metrics": {name: [e.value, e.low, e.high] for name, e in point.metrics.items()},
                "evidence": asdict(point.evidence),
            }
            for one, point in zip(traces, points, strict=True)
        ],
    }


# --- measurement ------------------------------------------------------------------------------------------------------


def check(made: dict[str, Any], record: CalibrationRecord) -> None:
    """Raises Refused unless these predictions were made before now, for these traces, from this record."""
    if hash_of(made["traces"]) != made["traces_sha256"]:
        raise Refused("the traces are not those that the predictions were made for (hash differs); predict again")
    if len(made["predictions"]) != len(made["traces"]):
        raise Refused("there is not one prediction for each trace; predict again")
    if hash_of(record.model_dump(mode="json")) != made["record_sha256"]:
        raise Refused(f"the record {record.key} has changed since the predictions were made; predict again")
    if dt.datetime.fromisoformat(made["made"]) > dt.datetime.now(dt.UTC):
        raise Refused(f"the predictions say that they were made at {made['made']}, which is yet to come")


def rebuilt(made: dict[str, Any]) -> list[PredictedPoint]:
    found = []
    for one, row in zip(made["traces"], made["predictions"], strict=True):
        metrics = {name: Estimate(*values) for name, values in row["metrics"].items()}
        evidence = Simulated(**{k: v for k, v in row["evidence"].items() if k not in ("badge", "colour")})
        found.append(PredictedPoint(load_of(one), metrics, row["batch"], row["seats"], tuple(row["outside"]), evidence))
    return found


def send(one: dict[str, Any], target: Any, client: Any) -> tuple[LoadPoint, dict[str, Any]]:
    """One trace on the engine: the point, and what the client says about its own lateness."""
    from reference.serving.calibration.loads import recorded

    load = {"arrivals": one["arrivals"]} if one["arrivals"] is not None else {"concurrency": one["concurrency"]}
    run = target.replay(prompt_tokens=one["prompt_tokens"], output_tokens=one["output_tokens"], **load)
    fields = {"n_in": one["mean_in"], "n_out": one["mean_out"]}
    fields |= {name: one[name] for name in ("concurrency", "rate", "arrivals", "output_spread", "seed")}
    late = [float(x) for x in np.percentile(run.late_ms, [50, 99]).round(2)] if run.late_ms else None
    point = recorded(run, fields, one["warmup"], one["cooldown"], client)
    return point, {"started": run.started, "late_ms_p50_p99": late, "failed": len(run.failed)}


def make_measurement(
    made: dict[str, Any], record: CalibrationRecord, target: Any, client: Any = None
) -> dict[str, Any]:
    """Send every trace and hold it against its prediction. Raises Refused, or CalibrationError if the engine dies."""
    check(made, record)
    from reference.serving.load import provenance

    machine, begun = provenance.machine(), provenance.now()
    points, notes = [], []
    for one in made["traces"]:
        point, note = send(one, target, client)
        points.append(point)
        notes.append(note)
        void = f" void: {point.void}" if point.void else ""
        print(
            f"{one['name']}: {point.output_tok_s:.0f} tokens/s, TTFT p50 {point.ttft_p50_ms:.0f} p99 "
            f"{point.ttft_p99_ms:.0f} ms, TPOT {point.tpot_p50_ms:.1f} ms{void}",
            file=sys.stderr, flush=True,
        )  # fmt: skip
    guesses = rebuilt(made)
    table = compare(guesses, points)
    ladder = [i for i, one in enumerate(made["traces"]) if one["group"] == "ladder"]
    knee = compare([guesses[i] for i in ladder], [points[i] for i in ladder]).knee
    return {
        "name": made["name"].replace(PREDICTED, MEASURED),
        "date": begun[:10],
        "predicted_at": made["made"],
        "begun": begun,
        "ended": provenance.now(),
        "traces_sha256": made["traces_sha256"],
        "record": record.key,
        "command": "python -m benchmarks.held_out --measure",
        "machine": machine,
        "versions": provenance.versions(),
        "knee_users": None if knee is None else {"predicted": knee[0], "measured": knee[1]},
        "summary": summary_of(table),
        "table": named(table, [one["name"] for one in made["traces"]], knee),
        "chain": chain_of(record, made["traces"], guesses, points),
        "rows": [
            asdict(row) | {"name": made["traces"][number // (len(table.rows) // len(points))]["name"]}
            | {"error": row.error, "inside": row.inside, "outside": list(row.outside)}
            for number, row in enumerate(table.rows)
        ],
        "points": [
            note | {"name": one["name"]} | point.model_dump(mode="json", exclude_none=True, exclude={"arrivals"})
            for one, point, note in zip(made["traces"], points, notes, strict=True)
        ],
    }  # fmt: skip


def named(table: ErrorTable, names: list[str], knee: tuple[float, float] | None) -> dict[str, Any]:
    """The table with each load under the name of its trace, for two traces of one load may differ in lengths."""
    made, each = table.to_dict(), len(table.rows) // len(names)
    for number, row in enumerate(made["rows"]):
        row["load"] = names[number // each]
    return made | {"knee": list(knee) if knee else None}


def chain_of(
    record: CalibrationRecord, traces: list[dict[str, Any]], guesses: list[PredictedPoint], points: list[LoadPoint]
) -> list[dict[str, Any]]:
    """The same loads by formula, by queueing, by simulation and on the engine; numbers without a limit are None."""
    kept = [i for i, one in enumerate(traces) if one["group"] != "mix" and points[i].void is None]
    ladder = side_by_side(fit_engine(record), [points[i] for i in kept], [guesses[i] for i in kept])
    rows, each = [], len(ladder.rows) // max(1, len(kept))
    for number, (_, metric, formula, queueing, simulation, engine) in enumerate(ladder.rows):
        ways = {"formula": formula, "queueing": queueing, "simulation": simulation}
        rows.append(
            {
                "load": traces[kept[number // each]]["name"],
                "metric": metric,
                "unit": "ms" if metric.endswith("_ms") else "1/s",
                **{way: value if math.isfinite(value) else None for way, value in ways.items()},
                "engine": engine,
            }
        )
    return rows


def summary_of(table: ErrorTable) -> dict[str, Any]:
    """Median absolute errors, of all points, below and above saturation, and the share inside the interval."""
    found: dict[str, Any] = {}
    for metric in ("request_s", "output_tok_s", "tpot_p50_ms", "ttft_p50_ms", "ttft_p99_ms"):
        sides = {"all": None, "below": False, "above": True}
        values = {name: table.median_error(metric, saturated=side) for name, side in sides.items()}
        values["coverage"] = table.coverage(metric)
        found[metric] = {name: None if value != value else round(value, 4) for name, value in values.items()}
    return found


def own_record(path: Path | None) -> CalibrationRecord:
    """The record named, or that of this machine and the default model."""
    if path is not None:
        return CalibrationRecord.load(path)
    from reference.serving.calibration.facts import model_key, record_key
    from reference.serving.load import provenance
    from reference.serving.models import chosen_model

    model = chosen_model()
    return CalibrationRecord.load(
        FOLDER / f"{record_key(provenance.machine(), model_key(model.name, model.folder))}.json"
    )


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.held_out", description=__doc__.split("\n")[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--predict", action="store_true")
    what.add_argument("--measure", action="store_true")
    parser.add_argument("--record", type=Path, help="calibration record (default: that of this machine)")
    parser.add_argument("--seed", type=int, default=8)
    parser.add_argument("--small", action="store_true", help="a minute, few requests, files of their own")
    options = parser.parse_args(argv)
    record = own_record(options.record)
    name = PREDICTED + ("_small" if options.small else "")
    if options.predict:
        made = make_predictions(record, options.seed, options.small)
        print(f"{len(made['traces'])} traces predicted, written to {write(made)}", file=sys.stderr)
        return 0
    path = RESULTS / f"{name}.json"
    if not path.is_file():
        print(f"{path} is missing: run --predict first", file=sys.stderr)
        return 2
    made = json.loads(path.read_text("utf-8"))
    try:
        check(made, record)
    except Refused as refused:
        print(f"refused: {refused}", file=sys.stderr)
        return 2
    from reference.serving.calibration.probes import Target
    from reference.serving.engine import shared_engine
    from reference.serving.load import calibrate_client

    engine = shared_engine(lambda line: print(line, file=sys.stderr))
    client = calibrate_client([1, 8] if options.small else [1, 8, 32, 96], prompt_tokens=64, output_tokens=16)
    target = Target(engine.base_url, engine.model, engine.api_key)
    target.replay(concurrency=2, prompt_tokens=32, output_tokens=8, requests=6)
    result = make_measurement(made, record, target, client)
    print(f"written to {write(result)}", file=sys.stderr)
    print(json.dumps({"knee_users": result["knee_users"], **result["summary"]}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
