"""What this computer can do: memory bandwidth and matrix-multiply rate, measured when asked."""

from __future__ import annotations

import datetime as dt
import os
import platform
import statistics
import time
from collections.abc import Callable
from importlib import metadata, util
from pathlib import Path

from .evidence import Measured
from .hardware import Hardware
from .units import Q, Quantity


def cpu_name() -> str:
    """Model name of the processor, as the operating system gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def memory_bytes() -> int:
    """Memory this process may use: the machine's, or the container's limit where that is smaller."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            text = Path(limit).read_text("ascii").strip()
        except OSError:
            continue
        if text.isdigit():
            total = min(total, int(text))
    return total


def _best(work: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Seconds of the fastest repetition and of the median one. The first, which warms caches, is not counted."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times), statistics.median(times)


def measure_this_machine(repeats: int = 7, megabytes: int = 256, matrix: int = 1024) -> Hardware:
    """Hardware record of this computer, with MEASURED evidence; takes a few seconds, most of them importing torch.

    Bandwidth: a float32 matrix-vector product over `megabytes`, which reads every byte once, as a decode step does
    with the weights. Rate: a square matrix product of side `matrix`, in float32 with numpy and, if torch is
    installed, in bf16 too; without torch `bf16_flops` is the float32 rate, which a CPU without bf16 units has anyway.
    The fastest of `repeats` counts, for it is a roof that is being measured; the distance to the median is kept.
    """
    import numpy as np

    columns = 4096
    rows = megabytes * 2**20 // (4 * columns)
    weights, vector = np.ones((rows, columns), dtype=np.float32), np.ones(columns, dtype=np.float32)
    square = np.ones((matrix, matrix), dtype=np.float32)
    versions = {"numpy": metadata.version("numpy")}
    read = _best(lambda: weights @ vector, repeats)
    multiply = {"float32": _best(lambda: square @ square, repeats)}
    if util.find_spec("torch") is not None:
        import torch

        versions["torch"] = metadata.version("torch")
        half = torch.ones((matrix, matrix), dtype=torch.bfloat16)
        with torch.inference_mode():
            multiply["bf16"] = _best(lambda: torch.mm(half, half), repeats)
    rates = {name: _per_second(2 * matrix**3, "FLOP", best).to("TFLOP/s") for name, (best, _) in multiply.items()}
    spread = ", ".join(
        f"{name} median {median / best - 1:.0%} above best"
        for name, (best, median) in {"bandwidth": read, **multiply}.items()
    )
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    name = f"{cpu_name()}, {cores} cores"
    return Hardware(
        key="this-machine",
        name=name,
        form="CPU",
        memory=Q(memory_bytes() / 2**30, "GiB"),
        bandwidth=_per_second(weights.nbytes, "byte", read[0]).to("GB/s"),
        bf16_flops=rates.get("bf16", rates["float32"]),
        f32_flops=rates["float32"],
        evidence=Measured(
            machine=name,
            versions=versions,
            command=f"reference.sizing.this_machine.measure_this_machine({repeats=}, {megabytes=}, {matrix=})",
            n=repeats,
            spread=spread,
            date=dt.date.today(),
        ),
    )


def _per_second(amount: float, unit: str, seconds: float) -> Quantity:
    return Q(amount / seconds, f"{unit}/s")
