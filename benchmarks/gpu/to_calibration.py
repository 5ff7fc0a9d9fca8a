"""GPU records to calibration records: ``python -m benchmarks.gpu.to_calibration``; runs again over the same files.

Reads benchmarks/results/gpu_vllm_*.json and writes reference/sizing/measurements/h100-*.json. Nothing is measured and
no figure is made up: medians of samples, products of blocks and the arrivals that the seed of `vllm_sweep` gives are
the only sums.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import random
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.gpu.vllm_sweep import LLAMA_3_8B
from reference.sizing.engine_model.record import FOLDER, CalibrationRecord, Limits, LoadPoint, PrefillPoint, Spread

RESULTS = Path(__file__).parents[1] / "results"
PROMPT, OUTPUT, SEED, WARM_UP, OPEN_S = 512, 128, 7, 8, 15.0  # as vllm_sweep has them
KEYS = {
    "h100-llama-3.1-8b-bf16": "gpu_vllm_closed",
    "h100-llama-3.1-8b-bf16-wide": "gpu_vllm_wide",
    "h100-llama-3.1-8b-fp8": "gpu_vllm_fp8",
}


def source(name: str) -> dict[str, Any]:
    return json.loads((RESULTS / f"{name}.json").read_text("utf-8"))


def arrivals(rows: list[dict[str, Any]]) -> Iterator[list[float]]:
    """Seconds of the arrivals of each open-loop row, replayed from the seed, in the order of the rows.

    `vllm_sweep.Load` draws every token and every gap from one generator, so the number of requests of each row fixes
    the gaps. What a gap took longer than drawn (making 512 tokens, the event loop) is spread evenly: the loop ended at
    the first arrival due after 15 s, so the gaps and that lag add up to 15 s.
    """
    rng, vocabulary = random.Random(SEED), LLAMA_3_8B["vocab_size"]

    def skip(requests: int, tokens: int) -> None:
        for _ in range(requests * tokens):
            rng.randrange(10, vocabulary - 10)  # type: ignore[operator]

    skip(WARM_UP, PROMPT)
    top = max(row["requests"] / row["seconds"] for row in rows if row["target"].startswith("closed"))
    for row in rows:
        words = row["target"].split()
        if words[0] == "closed":
            skip(row["requests"], PROMPT)
        elif words[0] == "prompt":
            skip(row["requests"], int(words[1].rstrip(",")))
        else:
            share, gaps = float(words[5].lstrip("(")), []
            for _ in range(row["requests"]):
                skip(1, PROMPT)
                gaps.append(rng.expovariate(share * top))
            lag = max(0.0, OPEN_S - sum(gaps)) / len(gaps)
            yield [round(sum(gaps[:k]) + lag * k, 4) for k in range(len(gaps))]


def load_point(row: dict[str, Any], at: list[float] | None) -> LoadPoint:
    words = row["target"].split()
    kind = {"rate": float(words[3])} if words[0] == "open" else {"concurrency": int(words[-1])}
    return LoadPoint(
        **kind,  # type: ignore[arg-type]
        n_in=PROMPT,
        n_out=OUTPUT,
        requests=row["requests"],
        seconds=row["seconds"],
        request_s=round(row["requests"] / row["seconds"], 4),
        output_tok_s=row["output_tokens_per_s"],
        arrivals=at,
        percentile="higher",
        **{f"{name}_p{q}_ms": row[f"{name}_p{q}_ms"] for name in ("ttft", "tpot") for q in (50, 90, 99)},
    )


def lone_prompt(row: dict[str, Any]) -> PrefillPoint:
    prompt = int(row["target"].split()[1].rstrip(","))
    return PrefillPoint(prompt=prompt, ms=Spread(median=row["ttft_p50_ms"], p90=row["ttft_p90_ms"], n=row["requests"]))


def prefix_times(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Median TTFT in ms of a prompt of `shared` + 16 tokens, and of one more whose first `shared` are in the cache."""
    found = []
    for shared in sorted({int(row["target"].split()[2].rstrip(",")) for row in rows}):
        times = {
            kind: [row["ttft_ms"] for row in rows if row["target"] == f"shared prefix {shared}, {kind}"]
            for kind in ("cold", "warm")
        }
        found.append(
            {"shared": shared, "prompt": shared + 16, "n": len(times["warm"])}
            | {f"{kind}_ttft_ms": statistics.median(values) for kind, values in times.items()}
        )
    return found


def convert(key: str) -> CalibrationRecord:
    """The calibration record called `key`, one of KEYS."""
    name = KEYS[key]
    record, prefix, speculative, roofs = (source(n) for n in (name, "gpu_vllm_prefix", "gpu_vllm_spec", "gpu_roofs"))
    kept, rows = record["conditions"], record["rows"]
    blocks, block = kept["kv blocks, block size"]
    scheduler = "max_num_seqs, max_num_batched_tokens"
    seqs, budget = kept.get(scheduler) or prefix["conditions"][scheduler]
    replayed = arrivals(rows)
    conditions = {
        "source": f"benchmarks/results/{name}.json",
        "requests": "512 random tokens in, 128 out, all alike; token ids, no HTTP: AsyncLLM in the client's process",
        "closed loop": "all users start at once; nothing is left out as warm-up, so TTFT holds the first wave",
        "power, clocks": record["machine"]["gpus"][0],
    }
    if scheduler not in kept:
        conditions["limits"] = (
            "max_num_seqs and max_num_batched_tokens were not recorded here; they are those that gpu_vllm_prefix "
            "recorded of the same engine and machine on the same day, with no other value set in either run"
        )
    if any(row["target"].startswith("open") for row in rows):
        conditions["arrivals"] = "replayed from the seed of the benchmark, with the lag that its 15 s leave"
    if name == "gpu_vllm_closed":
        conditions["prefix cache"] = {
            "source": "benchmarks/results/gpu_vllm_prefix.json, the same engine with its prefix cache on",
            "rows": prefix_times(prefix["rows"]),
        }
    reads = [r["median"] for r in roofs["rows"] if r["metric"] == "read (sum)"]
    dtype = "fp8" if key.endswith("fp8") else "bf16"
    matmuls = [r["median"] for r in roofs["rows"] if r["metric"] == "matmul rate" and r["target"].startswith(dtype)]
    return CalibrationRecord(
        key=key,
        machine=record["machine"]["gpus"][0].split(",")[0],
        hardware="h100",
        engine=f"vllm {record['versions']['vllm']}",
        model="llama-3.1-8b",
        weight_dtype=dtype,
        weights="random",
        versions=record["versions"],
        command=record["command"],
        date=dt.datetime.fromisoformat(record["date"]).date(),
        conditions=conditions,
        read_gb_s=max(reads),
        matmul_tflop_s=max(matmuls),
        start_up_s=kept["engine start, s"],
        limits=Limits(
            max_num_seqs=seqs,
            max_num_batched_tokens=budget,
            kv_tokens=blocks * block,
            max_model_len=8192,
            block_tokens=block,
            prefix_caching=kept["enable_prefix_caching"],
            async_scheduling=True,  # vLLM's default since 0.14, and vllm_sweep leaves it alone
        ),
        prefills=[lone_prompt(row) for row in rows if row["target"].startswith("prompt")],
        points=[
            load_point(row, next(replayed) if row["target"].startswith("open") else None)
            for row in rows
            if row["target"].split()[0] in ("closed", "open")
        ],
        speculation=[
            {"source": "benchmarks/results/gpu_vllm_spec.json"} | speculative["conditions"]["speculative_config"] | row
            for row in speculative["rows"]
        ]
        if name == "gpu_vllm_closed"
        else [],
        spread="one run per point; within it p90 and p99 are in the record",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of the calibration records")
    folder = parser.parse_args().out
    for key in KEYS:
        print(convert(key).save(folder))


if __name__ == "__main__":
    main()
