"""An engine inside this process, for comparing engine settings (speculative decoding, chunked prefill, KV size).

The shared server has one set of settings; a comparison needs two engines. Inside a process vLLM starts in seconds once
it is imported, but takes the memory of this process: keep such engines few, one at a time.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from reference.serving.engine.spec import GIB, EngineError, EngineSpec, preflight

if TYPE_CHECKING:
    from vllm import LLM


def prepare_environment(spec: EngineSpec) -> None:
    """Set what vLLM reads while it is imported; a value that the user has set is kept."""
    wanted = spec.environment(key="") | {
        # The engine core in this process rather than in a child: half the start-up time, and it ends with us.
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_LOGGING_LEVEL": "WARNING",
    }
    wanted.pop("VLLM_API_KEY")
    for name, value in wanted.items():
        os.environ.setdefault(name, value)


@contextmanager
def in_process_llm(model: str | None = None, *, kv_gib: float = 0.5, max_model_len: int | None = None,
                   **options: Any) -> Iterator[LLM]:  # fmt: skip
    """A `vllm.LLM` with the workbook's defaults; its memory is given back at the end of the block.

    model: a folder; the chosen model of `EngineSpec` by default. kv_gib: KV cache on CPU, GiB.
    options: passed on to `vllm.LLM`, e.g. speculative_config, max_num_batched_tokens, hf_overrides.
    Raises EngineError before the start for a missing model, too little memory or an unusable setting.
    """
    from dataclasses import replace

    spec = EngineSpec.from_environment()
    spec = replace(spec, source=model or spec.source, kv_gib=kv_gib, port=0)
    preflight(spec)
    prepare_environment(spec)
    arguments: dict[str, Any] = {
        "model": spec.source,
        "max_model_len": max_model_len or min(spec.max_model_len, 2048),
        "disable_log_stats": False,  # the counters are what a comparison is about
        "enforce_eager": spec.device == "cpu",
    }
    if spec.device == "cpu":
        arguments |= {"dtype": "bfloat16", "kv_cache_memory_bytes": int(kv_gib * GIB)}
    from vllm import LLM

    try:
        llm = LLM(**(arguments | options))
    except (ValueError, RuntimeError, OSError) as error:
        raise EngineError(f"vLLM refused these settings: {error}") from error
    try:
        yield llm
    finally:
        llm.llm_engine.engine_core.shutdown()
        del llm
        gc.collect()


def counters(llm: LLM) -> dict[str, float]:
    """vLLM's own counters, by name (vllm:spec_decode_num_accepted_tokens, vllm:prefix_cache_hits, ...)."""
    totals: dict[str, float] = {}
    for metric in llm.get_metrics():
        value = getattr(metric, "value", None)
        if value is not None:
            totals[metric.name] = totals.get(metric.name, 0.0) + float(value)
    return totals
