"""What is true of a machine and an engine before any load: roofs, scheduler limits, names, a folder to write to."""

from __future__ import annotations

import itertools
import json
import re
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reference.serving.calibration.errors import CalibrationError
from reference.sizing.engine_model.record import Limits

if TYPE_CHECKING:
    from reference.serving.engine import Engine

# (max_num_batched_tokens, max_num_seqs) of an API server that is told neither: vLLM 0.32.0,
# vllm/engine/arg_utils.py, EngineArgs.get_batch_defaults, one worker. Read 2026-11-29.
CPU_DEFAULTS = (2048, 128)
GPU_DEFAULTS = ((160, (16384, 1024)), (70, (8192, 1024)), (0, (2048, 256)))  # from so many GiB of memory on
A100_DEFAULTS = (2048, 256)


def limits_of(engine: Engine, arguments: Sequence[str] | None = None) -> tuple[Limits, dict[str, str]]:
    """Scheduler limits of a vLLM server, and where each was read. Raises CalibrationError where nothing says it.

    arguments: those that the server was started with; those of the shared engine where it is that one.
    """
    from reference.serving.engine import state as files

    status, body = files.get(f"{engine.base_url}/models", engine.api_key, timeout=30)
    if status != 200:
        raise CalibrationError(f"{engine.base_url}/models answered {status or 'nothing'}; is the engine up?")
    cards = {card["id"]: card for card in json.loads(body)["data"]}
    length = cards.get(engine.model, {}).get("max_model_len")
    status, text = files.get(f"{engine.root_url}/metrics", engine.api_key, timeout=30)
    cache = cache_labels(text if status == 200 else "")
    if not length or not cache:
        raise CalibrationError(
            f"{engine.root_url} says no max_model_len and no vllm:cache_config_info, so it is no vLLM server; "
            "calibrate one, or pass `limits` in Python"
        )
    if arguments is None:
        state = files.read_state() if engine.ours else None
        arguments = state.spec["extra"] if state is not None else ()
    told = flags(arguments)
    device = "cpu" if cache.get("num_gpu_blocks") and not _cuda_memory_gib() else "cuda"
    tokens, sequences = _defaults()
    source = f"default of vLLM 0.32.0 on {device}"
    origin = {
        "max_model_len": "/v1/models",
        "kv_tokens": "vllm:cache_config_info",
        "block_tokens": "vllm:cache_config_info",
        "prefix_caching": "vllm:cache_config_info",
    }
    for name in ("max_num_batched_tokens", "max_num_seqs"):
        origin[name] = "argument of the server" if name in told else source
    block = int(cache["block_size"])
    limits = Limits(
        max_num_seqs=int(told.get("max_num_seqs", sequences)),
        max_num_batched_tokens=int(told.get("max_num_batched_tokens", tokens)),
        kv_tokens=int(cache["num_gpu_blocks"]) * block,
        max_model_len=int(length),
        block_tokens=block,
        prefix_caching=cache.get("enable_prefix_caching", "True") == "True",
    )
    return limits, origin


def cache_labels(metrics: str) -> dict[str, str]:
    """Labels of `vllm:cache_config_info` in a Prometheus text; empty without it or without its sizes."""
    line = next((line for line in metrics.splitlines() if line.startswith("vllm:cache_config_info{")), "")
    labels = dict(re.findall(r'(\w+)="([^"]*)"', line))
    whole = all(labels.get(name, "").isdigit() for name in ("block_size", "num_gpu_blocks"))
    return labels if whole else {}


def flags(arguments: Sequence[str]) -> dict[str, str]:
    """`--max-num-seqs 8` or `--max-num-seqs=8` -> {"max_num_seqs": "8"}."""
    words = [word for argument in arguments for word in argument.split("=", 1)]
    return {name[2:].replace("-", "_"): v for name, v in itertools.pairwise(words) if name.startswith("--")}


def _defaults() -> tuple[int, int]:
    memory = _cuda_memory_gib()
    if not memory:
        return CPU_DEFAULTS
    if "a100" in _cuda_name().lower():
        return A100_DEFAULTS
    return next(values for least, values in GPU_DEFAULTS if memory >= least)


def _cuda_memory_gib() -> float:
    """Memory of the first GPU that this vLLM build can use [GiB]; 0 without one."""
    from reference.serving.engine.spec import gpu_count

    if not gpu_count():
        return 0.0
    import torch

    return torch.cuda.get_device_properties(0).total_memory / 2**30 if torch.cuda.is_available() else 0.0


def _cuda_name() -> str:
    import torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else ""


def roofs_of_this_machine() -> dict[str, Any]:
    """read_gb_s and matmul_tflop_s (bf16), machine and hardware key, of the GPU if vLLM uses one, else of the CPU."""
    if _cuda_memory_gib():
        return _cuda_roofs()
    from reference.sizing.this_machine import measure_this_machine

    found = measure_this_machine()
    return {
        "read_gb_s": round(found.bandwidth.to("GB/s").magnitude, 1),
        "matmul_tflop_s": round(found.bf16_flops.to("TFLOP/s").magnitude, 3),
        "spread": getattr(found.evidence, "spread", ""),
    }


def _cuda_roofs(repeats: int = 7, megabytes: int = 2048, matrix: int = 8192) -> dict[str, Any]:
    """Fastest of `repeats`: reading `megabytes` once (a sum), and a square bf16 product of side `matrix`."""
    import torch

    def best(work: Any) -> float:
        work()
        times = []
        for _ in range(repeats):
            torch.cuda.synchronize()
            begun = time.perf_counter()
            work()
            torch.cuda.synchronize()
            times.append(time.perf_counter() - begun)
        return min(times)

    values = torch.ones(megabytes << 18, device="cuda")
    square = torch.ones(matrix, matrix, device="cuda", dtype=torch.bfloat16)
    read, multiply = best(lambda: values.sum()), best(lambda: square @ square)
    return {
        "read_gb_s": round(values.numel() * 4 / read / 1e9, 1),
        "matmul_tflop_s": round(2 * matrix**3 / multiply / 1e12, 1),
        "spread": f"fastest of {repeats}",
    }


def hardware_key(machine: dict[str, Any]) -> str | None:
    """The key in hardware.toml of the first GPU, None for a CPU or an unknown GPU."""
    from reference.sizing.hardware import accelerator_keys

    name = re.sub(r"[^a-z0-9]+", "-", " ".join(machine["gpus"][:1]).lower())
    return next((key for key in sorted(accelerator_keys(), key=len, reverse=True) if key in name.split("-")), None)


def model_key(name: str, folder: Path | None = None) -> str:
    """The key in shapes.toml of the model in `folder`, or whose key its name contains; else the name as a slug."""
    from dataclasses import replace

    from reference.sizing.shapes import BadShape, from_hf_config, shape, shape_keys

    if folder is not None:
        try:
            found = from_hf_config(folder)
        except BadShape:
            found = None
        for key in shape_keys():
            if found is not None and replace(found, key=key, source=shape(key).source) == shape(key):
                return key
    slug = slug_of(name)
    return next((key for key in sorted(shape_keys(), key=len, reverse=True) if key in slug), slug)


def slug_of(text: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.") or "unnamed"


def record_key(machine: dict[str, Any], model: str, dtype: str = "bf16") -> str:
    """File name of a record: GPU, or processor and cores, then the model, e.g. epyc-2cores-smollm2-135m."""
    if machine["gpus"]:
        words = [w for w in slug_of(machine["gpus"][0]).split("-") if w not in ("nvidia", "gpu", "tesla", "geforce")]
        where = "-".join(words[:2] if words[:1] == ["rtx"] else words[:1])
        where += f"-x{len(machine['gpus'])}" if len(machine["gpus"]) > 1 else ""
    else:
        plain = re.sub(r"\((r|tm)\)|@.*|\bwith\b.*|\b\d+-core\b", " ", machine["processor"].lower())
        noise = ("amd", "intel", "cpu", "processor", "core", "generic")
        words = [w for w in slug_of(plain).split("-") if w not in noise]
        where = f"{'-'.join(words[:3]) or 'cpu'}-{machine['cores']}cores"
    return f"{where}-{model}" + ("" if dtype == "bf16" else f"-{dtype}")


def ensure_writable(folder: str | Path, need_bytes: int = 2_000_000) -> Path:
    """The folder, made if missing, with room for a record. Raises CalibrationError before anything is measured."""
    path = Path(folder).expanduser()
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path, prefix=".probe-") as file:
            file.write(b"\0" * need_bytes)
            file.flush()
    except OSError as error:
        raise CalibrationError(
            f"a record cannot be written to {path}: {error.strerror or error}; name another folder (--out)"
        ) from None
    return path
