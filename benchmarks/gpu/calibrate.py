"""What one GPU does: ``python3 -m benchmarks.gpu.calibrate --out DIR``; one record per subject, each written when done.

Subjects: memory bandwidth and matrix rates; decode and prefill steps of Llama-3-8B and SmolLM2-135M shapes; embeddings.
Needs torch (and transformers for the embeddings) alone, so that it runs on a machine without the project's packages.
"""

from __future__ import annotations

import argparse
import datetime as dt
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.gpu.llama_step import LLAMA_3_8B, SMOLLM2_135M, Model, Shape

KV_LIMIT_BYTES = 50e9


def smi() -> list[str]:
    fields = "name,memory.total,driver_version,clocks.sm,clocks.mem,clocks.max.sm,power.limit,temperature.gpu"
    try:
        done = subprocess.run(
            ["nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader"], capture_output=True, text=True, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("torch", "transformers", "triton"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


class Bench:
    def __init__(self, device: str, rounds: int) -> None:
        self.device, self.rounds = device, rounds

    def ms(self, call: Callable[[], Any], inner: int = 1, warm: int = 3) -> list[float]:
        """Milliseconds per call, one figure per round of `inner` calls."""
        import torch

        for _ in range(warm):
            call()
        taken = []
        for _ in range(self.rounds):
            if self.device == "cpu":
                begun = time.perf_counter()
                for _ in range(inner):
                    call()
                taken.append((time.perf_counter() - begun) * 1e3 / inner)
                continue
            start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            start.record()
            for _ in range(inner):
                call()
            end.record()
            torch.cuda.synchronize()
            taken.append(start.elapsed_time(end) / inner)
        return taken

    def graphed(self, call: Callable[[], Any]) -> Callable[[], Any]:
        """`call` captured as a CUDA graph (itself on the CPU)."""
        import torch

        if self.device == "cpu":
            return call
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(2):
                call()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            call()
        return graph.replay


def row(target: str, metric: str, unit: str, values: list[float]) -> dict[str, Any]:
    low, _, high = statistics.quantiles(values, n=4) if len(values) > 1 else (values[0],) * 3
    return {
        "target": target,
        "metric": metric,
        "unit": unit,
        "median": float(f"{statistics.median(values):.4g}"),
        "p25": float(f"{low:.4g}"),
        "p75": float(f"{high:.4g}"),
        "rounds": len(values),
    }


def bandwidth(megabytes: int, bench: Bench, add: Callable[..., None]) -> None:
    import torch

    x = torch.ones(megabytes << 18, device=bench.device)
    y = torch.empty_like(x)
    size = x.numel() * 4
    copied, read = bench.ms(lambda: y.copy_(x), 5), bench.ms(lambda: x.sum(), 5)
    add(f"{megabytes} MiB", "copy, read + written", "GB/s", [2 * size / t / 1e6 for t in copied])
    add(f"{megabytes} MiB", "read (sum)", "GB/s", [size / t / 1e6 for t in read])


def roofs(bench: Bench, quick: bool, add: Callable[..., None]) -> None:
    import torch

    for megabytes in (1,) if quick else (64, 256, 1024, 4096, 8192):
        bandwidth(megabytes, bench, add)
    layers = {"qkv": (6144, 4096), "o": (4096, 4096), "gate_up": (28672, 4096), "down": (4096, 14336)}
    layers = {"toy": (64, 64)} if quick else layers
    points = [
        (name, n, k, m)
        for name, (n, k) in layers.items()
        for m in ((16,) if quick else (1, 8, 16, 64, 512, 4096, 8192))
    ]
    points += [] if quick else [("square", 8192, 8192, 8192)]
    for name, n, k, m in points:
        for kind in ("bf16", "fp8"):
            if kind == "fp8" and (m % 16 or bench.device == "cpu"):
                continue  # torch._scaled_mm takes multiples of 16 rows
            # Enough copies that the weights come from memory, not from the 50 MB cache.
            copies = 1 if quick else max(1, int(400e6 // (n * k * (2 if kind == "bf16" else 1))))
            weights = [torch.randn(n, k, device=bench.device, dtype=torch.bfloat16) for _ in range(copies)]
            a = torch.randn(m, k, device=bench.device, dtype=torch.bfloat16)
            if kind == "fp8":
                weights, a = [w.to(torch.float8_e4m3fn) for w in weights], a.to(torch.float8_e4m3fn)
            one = torch.ones((), device=bench.device)

            def call(weights: Any = weights, a: Any = a, one: Any = one, fp8: bool = kind == "fp8") -> None:
                for w in weights:
                    if fp8:
                        torch._scaled_mm(a, w.t(), scale_a=one, scale_b=one, out_dtype=torch.bfloat16)
                    else:
                        torch.nn.functional.linear(a, w)

            taken = [t / copies for t in bench.ms(bench.graphed(call))]
            bytes_moved = n * k * (2 if kind == "bf16" else 1)
            target = f"{kind} {name} {m}x{k}x{n}"
            add(target, "matmul rate", "TFLOP/s", [2 * m * n * k / t / 1e9 for t in taken])
            add(target, "weights read", "GB/s", [bytes_moved / t / 1e6 for t in taken])
            del weights, a


def steps(shape: Shape, fp8: bool, bench: Bench, quick: bool, add: Callable[..., None]) -> None:
    import torch

    model = Model(shape, bench.device, fp8)
    tag = "fp8" if fp8 else "bf16"
    batches = (1, 2) if quick else (1, 2, 4, 8, 16, 32, 64, 128, 256)
    for context in (16,) if quick else (128, 1024, 4096, 8192):
        for batch in batches:
            if batch * context * shape.kv_bytes_per_token > KV_LIMIT_BYTES or (fp8 and batch % 16):
                continue
            cache = torch.zeros(
                shape.layers, 2, batch, shape.kv_heads, context, shape.head, device=bench.device, dtype=torch.bfloat16
            )
            tokens = torch.zeros(batch, 1, dtype=torch.int64, device=bench.device)
            for attention in ("sdpa", "matmul"):

                def call(tokens: Any = tokens, cache: Any = cache, attention: str = attention) -> Any:
                    return model.step(tokens, cache, cache.shape[4] - 1, attention)

                target = f"{shape.name} {tag}, batch {batch}, context {context}, {attention}"
                add(target, "decode step", "ms", bench.ms(bench.graphed(call)))
            if batch == 1 and context <= 1024 and not fp8:
                add(f"{shape.name} {tag}, batch 1, context {context}, eager", "decode step", "ms", bench.ms(call))
            del cache
            if bench.device != "cpu":
                torch.cuda.empty_cache()
    for batch in (1, 4):
        for length in (16,) if quick else (128, 256, 512, 1024, 2048, 4096, 8192, 16384):
            if batch * length > 32768:
                continue
            tokens = torch.zeros(batch, length, dtype=torch.int64, device=bench.device)
            target = f"{shape.name} {tag}, batch {batch}, length {length}"
            add(target, "prefill", "ms", bench.ms(lambda: model.step(tokens, None, 0, "sdpa"), warm=2))  # noqa: B023


def embeddings(bench: Bench, quick: bool, add: Callable[..., None]) -> None:
    import torch
    from transformers import BertConfig, BertModel

    config = BertConfig(hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536)
    model: Any = BertModel(config)
    model = model.to(bench.device, torch.bfloat16).eval()
    for length in (8,) if quick else (32, 128, 256):
        for batch in (2,) if quick else (1, 32, 256, 1024, 2048):
            tokens = torch.ones(batch, length, dtype=torch.int64, device=bench.device)
            mask = torch.ones_like(tokens)

            def call(tokens: Any = tokens, mask: Any = mask) -> Any:
                return model(input_ids=tokens, attention_mask=mask).last_hidden_state.mean(1)

            taken = bench.ms(call)
            target = f"all-MiniLM-L6-v2 shape, length {length}, batch {batch}"
            add(target, "throughput", "texts/s", [batch / t * 1e3 for t in taken])
            add(target, "forward pass", "ms", taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--quick", action="store_true", help="toy sizes, to see that it runs")
    options = parser.parse_args()
    import torch

    options.out.mkdir(parents=True, exist_ok=True)
    bench = Bench(options.device, 3 if options.quick else 11)
    toy = Shape("toy", 2, 64, 4, 2, 96, 100)
    large, small = (toy, toy) if options.quick else (LLAMA_3_8B, SMOLLM2_135M)
    subjects: dict[str, tuple[str, Callable[..., None]]] = {
        "gpu_roofs": ("How fast does this GPU read memory and multiply matrices?", roofs),
        "gpu_llama8b_steps": ("What does a step of a Llama-3-8B shape cost?", lambda *a: steps(large, False, *a)),
        "gpu_embeddings": ("How many texts does a MiniLM shape embed in a second?", embeddings),
        "gpu_smollm2_steps": ("What does a step of a SmolLM2-135M shape cost?", lambda *a: steps(small, False, *a)),
    }
    if options.device == "cuda":
        subjects["gpu_llama8b_fp8_steps"] = (
            "What does a step of a Llama-3-8B shape cost with fp8 linear layers?",
            lambda *a: steps(large, True, *a),
        )
    for name, (question, measure) in subjects.items():
        rows: list[dict[str, Any]] = []
        begun = time.perf_counter()
        record: dict[str, Any] = {"name": name, "question": question}
        record |= {
            "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "command": "python3 -m benchmarks.gpu.calibrate --out DIR",
            "machine": {
                "processor": platform.processor() or platform.machine(),
                "cores": os.cpu_count(),
                "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
                "system": f"{platform.system()} {platform.release()} {platform.machine()}",
                "gpus": smi(),
            },
            "versions": versions(),
        }
        failure = ""
        try:
            with torch.inference_mode():
                measure(bench, options.quick, lambda *a, rows=rows: rows.append(row(*a)))
        except Exception as error:
            failure = f"{type(error).__name__}: {str(error)[:300]}"
        record |= {
            "seconds": round(time.perf_counter() - begun, 1),
            "conditions": {
                "weights": "random, plain torch (benchmarks/gpu/llama_step.py); embeddings: transformers BertModel",
                "timing": "CUDA events; decode steps and matmuls replayed as CUDA graphs unless marked eager; "
                "prefill and embeddings eager",
                "fp8": "e4m3, per-tensor scale 1 (torch._scaled_mm); the cast of the activations is in the time",
                "gpu after": smi(),
                "stopped by": failure,
            },
            "rows": rows,
        }
        (options.out / f"{name}.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        print(name, len(rows), "rows", record["seconds"], "s", failure, flush=True)
        if options.device == "cuda":
            torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
