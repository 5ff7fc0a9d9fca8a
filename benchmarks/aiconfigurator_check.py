"""NVIDIA's planner (aiconfigurator, Apache-2.0) against runs of vLLM on one H100 and NVIDIA's published table.

It is not a dependency: it wants newer versions of shared packages, so it lives in an environment of its own whose
Python is named by WORKBOOK_AICONFIGURATOR:

    uv venv /tmp/aic && uv pip install --python /tmp/aic aiconfigurator==0.12.0
    WORKBOOK_AICONFIGURATOR=/tmp/aic/bin/python python -m benchmarks aiconfigurator_check
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
from typing import Any

from benchmarks.common import RESULTS, Result

PYTHON = "WORKBOOK_AICONFIGURATOR"
MEASURED = RESULTS / "gpu_vllm_closed.json"
N_IN, N_OUT = 512, 128
LLAMA_8B, LLAMA_70B = "meta-llama/Meta-Llama-3.1-8B", "nvidia/Llama-3.1-70B-Instruct-FP8"

# docs.nvidia.com/nim/benchmarking/llm/1.0.0/performance, read 2026-11-29: Llama-3.3-70B-Instruct (the shape of 3.1),
# NIM 1.8.0, 2 x H100 80 GB, FP8, TP 2, 5,000 tokens in and 500 out. Concurrency -> output tokens/s, TTFT, ITL (ms).
NIM = {
    1: (51.67, 406.77, 18.58),
    5: (218.48, 546.7, 21.83),
    25: (623.4, 688.69, 38.75),
    50: (814.37, 834.51, 59.73),
}

# Runs in the other environment: a list of keyword arguments comes in, a list of answers goes out as the last line.
ASK = """
import importlib.metadata, json, sys
from aiconfigurator.cli.api import cli_estimate
answers = []
for question in json.load(sys.stdin):
    try:
        found = cli_estimate(**question)
        answers.append({"tokens_per_s": float(found.tokens_per_second), "ttft_ms": float(found.ttft),
                        "tpot_ms": float(found.tpot), "version": found.backend_version})
    except Exception as error:
        answers.append({"error": f"{type(error).__name__}: {error}"})
print(json.dumps({"version": importlib.metadata.version("aiconfigurator"), "answers": answers}))
"""


class NotInstalled(RuntimeError):
    """aiconfigurator cannot be asked; the message says what is missing."""


def ask(questions: list[dict[str, Any]], timeout_s: float = 300.0) -> dict[str, Any]:
    """Version and one answer per question. Raises NotInstalled."""
    python = os.environ.get(PYTHON, "")
    how = f"set {PYTHON} to the Python of an environment with aiconfigurator 0.12.0"
    if not python:
        raise NotInstalled(f"aiconfigurator is not installed: {how}")
    try:
        done = subprocess.run(
            [python, "-c", ASK], input=json.dumps(questions), capture_output=True, text=True, timeout=timeout_s
        )
    except OSError as error:
        raise NotInstalled(f"aiconfigurator is not installed: {python} does not run ({error}); {how}") from None
    if "No module named 'aiconfigurator" in done.stderr:
        raise NotInstalled(f"aiconfigurator is not installed in {python}; {how}")
    if done.returncode:
        raise RuntimeError(f"aiconfigurator failed: {done.stderr.strip()[-500:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def measured_points() -> dict[int, tuple[float, float, float]]:
    """Concurrency -> (output tokens/s, median TTFT ms, median TPOT ms) of the closed-loop runs on an H100."""
    points = {}
    for row in json.loads(MEASURED.read_text("utf-8"))["rows"]:
        found = re.fullmatch(r"closed loop, concurrency (\d+)", row["target"])
        if found and int(found[1]) <= 128:
            points[int(found[1])] = (row["output_tokens_per_s"], row["ttft_p50_ms"], row["tpot_p50_ms"])
    return points


def rows_of(target: str, answer: dict[str, Any], measured: tuple[float, float, float]) -> list[dict[str, Any]]:
    """Three rows: throughput, time to first token, time per token. `median` is predicted over measured."""
    names = (("output", "tokens_per_s", "tokens/s"), ("TTFT", "ttft_ms", "ms"), ("TPOT", "tpot_ms", "ms"))
    return [
        {
            "target": target,
            "metric": f"{metric}, predicted over measured",
            "unit": "",
            "median": round(answer[key] / value, 3),
            "predicted": round(answer[key], 2),
            "measured": value,
            "of": unit,
        }
        for (metric, key, unit), value in zip(names, measured, strict=True)
    ]


def _miss(rows: list[dict[str, Any]], start: str, metric: str) -> str:
    """Median and largest distance of the ratios of one metric from 1."""
    ratios = [row["median"] for row in rows if row["target"].startswith(start) and row["metric"].startswith(metric)]
    off = [abs(ratio - 1) for ratio in ratios]
    return f"{metric} {statistics.median(off):.0%} (at most {max(off):.0%}, {min(ratios):.2f} to {max(ratios):.2f})"


def run(quick: bool = False) -> Result:
    """`quick`: the smallest and the largest load only."""
    small, large = measured_points(), dict(NIM)
    if quick:
        small, large = ({n: points[n] for n in (min(points), max(points))} for points in (small, large))
    common = {"system_name": "h100_sxm", "mode": "agg"}
    chat = common | {"model_path": LLAMA_8B, "isl": N_IN, "osl": N_OUT, "tp_size": 1}
    long = common | {"model_path": LLAMA_70B, "isl": 5000, "osl": 500, "tp_size": 2}
    cells: list[tuple[str, int, dict[str, Any], tuple[float, float, float]]] = []
    for name, question, points in (("8B bf16", chat, small), ("70B FP8 TP 2", long, large)):
        for label, backend in (("vLLM", "vllm"), ("TRT-LLM", "trtllm")):
            for n, found in points.items():
                asked = question | {"backend_name": backend, "batch_size": n}
                cells.append((f"{name}, {label} database", n, asked, found))
    told = ask([question for _, _, question, _ in cells])
    rows: list[dict[str, Any]] = []
    refused, databases = [], {}
    for (name, n, _, found), answer in zip(cells, told["answers"], strict=True):
        if "error" in answer:
            refused.append(f"{name}, concurrency {n}: {answer['error']}")
            continue
        databases[name] = answer["version"]
        rows += rows_of(f"{name}, concurrency {n}", answer, found)
    if not rows:
        raise RuntimeError(f"aiconfigurator answered nothing: {refused[0]}")
    return Result(
        "aiconfigurator_check",
        "How close does NVIDIA's planner come to an H100 that was measured?",
        {
            "aiconfigurator": told["version"],
            "databases": databases,
            "measured, 8B": "vLLM 0.26.0 on one H100, random weights, benchmarks/results/gpu_vllm_closed.json",
            "measured, 70B": "NVIDIA NIM 1.8.0 on 2 x H100, docs.nvidia.com/nim/benchmarking/llm/1.0.0/performance",
            "compared": "predicted means with measured medians (8B) and with NVIDIA's figures (70B); its defaults",
            "refused": refused,
        },
        rows,
        [
            f"{name} is off by, in the median over loads: "
            + ", ".join(_miss(rows, name, metric) for metric in ("output", "TTFT", "TPOT"))
            for name in databases
        ],
    )
