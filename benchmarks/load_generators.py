"""Two known load generators against a server of known latency: the error of each, and what a load point costs.

This is why `reference.serving.load` uses vLLM's client. Figures are of client *and* stub, which share the cores.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.common import Result
from reference.serving.load import LoadGenerator, closed_loop
from reference.serving.stub_engine import StubEngine

TTFT_MS, ITL_MS = 100.0, 20.0
PROMPT, OUTPUT = 128, 32


def run(quick: bool = False) -> Result:
    loads, seconds = ([8], 3.0) if quick else ([8, 32, 96], 5.0)
    result = Result(
        "load_generators",
        "How far off is the load generator, and what does it cost to run?",
        {
            "server": f"stub: TTFT {TTFT_MS:g} ms, ITL {ITL_MS:g} ms; about {PROMPT} tokens in, {OUTPUT} out",
            "load": f"closed loop of {loads} streams, {seconds:g} s per point; first and last wave left out",
            "cost": "wall and CPU time of the generator and its children, beyond the seconds of load itself",
        },
    )
    with StubEngine(ttft_ms=TTFT_MS, itl_ms=ITL_MS) as stub:
        for name, measure in (("vllm bench serve", _vllm), ("guidellm", _guidellm)):
            wall, cpu = time.perf_counter(), _children_cpu()
            try:
                points = measure(stub, loads, seconds)
            except (OSError, RuntimeError, subprocess.SubprocessError) as error:
                result.conclusions.append(f"{name} did not run: {error}")
                continue
            extra = time.perf_counter() - wall - seconds * len(loads)
            cpu = _children_cpu() - cpu
            result.rows.append(_row(name, f"wall time beyond the load, {len(loads)} points", "s", extra))
            result.rows.append(_row(name, f"CPU time, {len(loads)} points", "s", cpu))
            for streams, point in zip(loads, points, strict=True):
                for metric, value in point.items():
                    result.rows.append(_row(name, f"{metric}, {streams} streams", "ms", value))
    _conclude(result, loads[-1])
    return result


def _vllm(stub: StubEngine, loads: list[int], seconds: float) -> list[dict[str, float]]:
    points = []
    with LoadGenerator() as generator:
        run = closed_loop(
            stub.base_url, stub.model, stub.api_key, concurrencies=loads, prompt_tokens=PROMPT, output_tokens=OUTPUT,
            seconds=seconds, generator=generator,
        )  # fmt: skip
        for p in run.points:
            points.append(_errors(p.ttft_ms.mean, p.ttft_ms.p50, p.tpot_ms.mean))
    return points


def _guidellm(stub: StubEngine, loads: list[int], seconds: float) -> list[dict[str, float]]:
    from reference.serving.models import default_model_dir

    with tempfile.TemporaryDirectory(prefix="wb-bench-") as name:
        out, config = Path(name) / "out.json", Path(name) / "run.json"
        data = {"kind": "synthetic_text", "prompt_tokens": PROMPT, "output_tokens": OUTPUT}
        backend = {
            "kind": "openai_http", "target": stub.base_url, "model": stub.model, "api_key": stub.api_key,
            "request_format": "/v1/completions",
        }  # fmt: skip
        spec = {
            "backend": backend,
            "profile": {"kind": "concurrent", "streams": loads},
            "constraints": [{"kind": "max_duration", "seconds": seconds}],
            "tokenizer": {"kind": "huggingface_auto", "model": str(default_model_dir())},
            "data": [data],
            "outputs": [{"kind": "json", "path": str(out)}],
        }
        config.write_text(json.dumps({"spec": spec}))
        command = [str(Path(sys.executable).with_name("guidellm")), "run", "-c", str(config), "--disable-console"]
        done = subprocess.run(
            command,
            env=os.environ | {"HF_HUB_OFFLINE": "1"},
            cwd=name,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if done.returncode or not out.exists():
            raise RuntimeError(f"exit {done.returncode}: {done.stderr.strip()[-300:]}")
        report = json.loads(out.read_text())
    points = []
    for streams, benchmark in zip(loads, report["benchmarks"], strict=True):
        requests = sorted(benchmark["requests"]["successful"], key=lambda r: r["request_start_time"])
        inner = requests[streams : max(streams + 1, len(requests) - streams)]
        ttft = [r["time_to_first_token_ms"] for r in inner]
        # What guidellm calls inter-token latency is the mean gap of a request: the field's TPOT.
        tpot = [r["inter_token_latency_ms"] for r in inner]
        points.append(_errors(statistics.mean(ttft), statistics.median(ttft), statistics.mean(tpot)))
    return points


def _errors(ttft_mean: float, ttft_p50: float, tpot_mean: float) -> dict[str, float]:
    return {
        "error of mean TTFT": ttft_mean - TTFT_MS,
        "error of p50 TTFT": ttft_p50 - TTFT_MS,
        "error of mean TPOT": tpot_mean - ITL_MS,
    }


def _row(name: str, metric: str, unit: str, value: float) -> dict[str, Any]:
    return {"target": name, "metric": metric, "unit": unit, "median": float(f"{value:.3g}"), "rounds": 1}


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _conclude(result: Result, streams: int) -> None:
    def value(target: str, metric: str) -> float | None:
        return next(
            (r["median"] for r in result.rows if r["target"] == target and r["metric"].startswith(metric)), None
        )

    both = ("vllm bench serve", "guidellm")
    for metric, unit in (("wall time", "s"), ("CPU time", "s")):
        found = [value(name, metric) for name in both]
        if None not in found:
            result.conclusions.append(f"{metric}: {both[0]} {found[0]:.3g} {unit}, {both[1]} {found[1]:.3g} {unit}.")
    found = [value(name, f"error of mean TTFT, {streams} streams") for name in both]
    if None not in found:
        result.conclusions.append(
            f"Error of mean TTFT at {streams} streams: {both[0]} {found[0]:.1f} ms, {both[1]} {found[1]:.1f} ms."
        )
