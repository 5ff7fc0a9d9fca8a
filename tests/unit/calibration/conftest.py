"""A load generator without processes: an engine by formula, so that what a calibration must find is known."""

import datetime as dt
import heapq
import sys
from pathlib import Path
from typing import Any

import pytest

from reference.sizing.engine_model.record import CalibrationRecord, Limits, PrefillPoint, Spread, StepPoint

ROOT = str(Path(__file__).resolve().parents[3])
if ROOT not in sys.path:  # `benchmarks` is run from the root of the repository and not installed
    sys.path.insert(0, ROOT)


class FormulaEngine:
    """First token after `first_s` + prompt x `prompt_s`, then a token every `step_s`; a prefix seen before is free.

    dies_after: requests that are answered; all later ones fail.
    """

    def __init__(self, first_s=0.02, prompt_s=0.0005, step_s=0.01, dies_after=10**9):
        self.first_s, self.prompt_s, self.step_s, self.dies_after = first_s, prompt_s, step_s, dies_after
        self.sent: list[dict[str, Any]] = []
        self.jobs: list[dict[str, Any]] = []
        self.seen: set[tuple[int, ...]] = set()

    def prestart(self):
        pass

    def close(self):
        pass

    def run(self, job, timeout_s):
        self.jobs.append(job)
        rows, free = [], []
        for number, (prompt, n_out) in enumerate(zip(job["prompts"], job["output_lengths"], strict=True)):
            start = job["arrivals"][number] if job.get("arrivals") is not None else 0.0
            if job["concurrency"] and len(free) >= job["concurrency"]:
                start = heapq.heappop(free)
            if job.get("rate"):
                start = number / job["rate"]
            row = self.answer(100.0 + start, prompt, n_out)
            heapq.heappush(free, start + row["seconds"])
            rows.append(row)
        return {"started": 1.8e9, "origin": 100.0 if job.get("arrivals") is not None else None, "requests": rows}

    def answer(self, start, prompt, n_out):
        cached = 0
        for known in self.seen:
            same = next((i for i, (a, b) in enumerate(zip(known, prompt, strict=False)) if a != b), len(known))
            cached = max(cached, same)
        if len(prompt) < 700:
            self.seen = {tuple(prompt)}  # the last one is enough for what is tested, and searching stays quick
        ttft = self.first_s + self.prompt_s * (len(prompt) - cached)
        failed = len(self.sent) >= self.dies_after
        self.sent.append({"prompt": len(prompt), "output": n_out})
        whole = ttft + (n_out - 1) * self.step_s
        return {
            "start": start, "ttft": ttft, "itls": [self.step_s] * (n_out - 1), "latency": whole, "seconds": whole,
            "prompt_tokens": len(prompt), "output_tokens": n_out, "error": "Connection refused" if failed else "",
        }  # fmt: skip


@pytest.fixture
def formula_engine():
    return FormulaEngine()


LIMITS = Limits(max_num_seqs=64, max_num_batched_tokens=2048, kv_tokens=46_592, max_model_len=2048, block_tokens=128)


@pytest.fixture
def limits() -> Limits:
    return LIMITS


@pytest.fixture(scope="session")
def record() -> CalibrationRecord:
    """A made-up record: steps and prompts on straight lines, no load points."""

    def ms(value: float) -> Spread:
        return Spread(median=value, p25=0.95 * value, p75=1.05 * value, n=40)

    return CalibrationRecord(
        key="made-up",
        machine="made up",
        engine="vllm 0",
        model="smollm2-135m",
        versions={"vllm": "0"},
        command="none",
        date=dt.date(2026, 1, 1),
        spread="none",
        limits=LIMITS,
        steps=[
            StepPoint(batch=b, context=c, ms=ms(15 + 1.5 * b + 0.001 * b * c))
            for b in (1, 2, 4, 8, 16, 32)
            for c in (40, 500)
        ],
        prefills=[PrefillPoint(prompt=p, ms=ms(25 + 0.6 * p)) for p in (16, 128, 512, 1024)],
    )
