"""The same fleet as a Ray Serve application, for `serve deploy`; needs ray with its extras `serve` and `llm`."""

from __future__ import annotations

from typing import Any

from .pods import PORT
from .scaling import LOOK_S, STABLE_S
from .spec import DTYPE_ARGS, Deployed

# Ray's names of accelerators (ray.util.accelerators). Nodes get the name "A100" by themselves and "A100-80G" only by
# hand; the shorter one would also take machines of 40 GB, on which the design does not fit.
ACCELERATORS = {"a10g": "A10G", "l4": "L4", "a100-80": "A100-80G", "h100": "H100", "h200": "H200"}
DTYPES = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32", "fp8": "bfloat16"}


def ray_serve_config(spec: Deployed) -> dict[str, Any]:
    """One application with one model; replicas follow ongoing requests between `least` and `replicas`."""
    limits = spec.limits
    engine: dict[str, Any] = {
        "tensor_parallel_size": spec.gpus,
        "max_model_len": limits.max_model_len,
        "max_num_seqs": limits.max_num_seqs,
        "max_num_batched_tokens": limits.max_num_batched_tokens,
        "gpu_memory_utilization": spec.gpu_memory_utilization,
        "enable_prefix_caching": limits.prefix_caching,
    }
    if spec.dtype in DTYPES:
        engine["dtype"] = DTYPES[spec.dtype]
    if "--quantization" in DTYPE_ARGS.get(spec.dtype, ()):
        engine["quantization"] = spec.dtype
    model: dict[str, Any] = {
        "model_loading_config": {"model_id": spec.name, "model_source": spec.source},
        "engine_kwargs": engine,
        "deployment_config": {
            "autoscaling_config": {
                "min_replicas": spec.replicas if spec.scaler == "none" else spec.least,
                "max_replicas": spec.replicas,
                "target_ongoing_requests": spec.target_in_flight,
                "upscale_delay_s": LOOK_S,
                "downscale_delay_s": STABLE_S,
            },
            # Above the engine's slots requests wait in the engine, where they are counted.
            "max_ongoing_requests": 2 * limits.max_num_seqs,
            "graceful_shutdown_timeout_s": spec.drain_s,
            "health_check_period_s": 10,
        },
    }
    if spec.gpu in ACCELERATORS:
        model["accelerator_type"] = ACCELERATORS[spec.gpu]
    return {
        "proxy_location": "EveryNode",
        "http_options": {"host": "0.0.0.0", "port": PORT},
        "applications": [
            {
                "name": spec.name,
                "route_prefix": "/",
                "import_path": "ray.serve.llm:build_openai_app",
                "args": {"llm_configs": [model]},
            }
        ],
    }
