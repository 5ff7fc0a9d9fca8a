"""Random but sensible deployments and loads for the property tests."""

from typing import Any

from hypothesis import strategies as st

from reference.sizing import Deployment, Q, accelerator, accelerator_keys, shape, shape_keys
from reference.sizing.memory import check_parallel


def parallel_degrees(key: str) -> list[int]:
    degrees = []
    for gpus in (1, 2, 4, 8):
        try:
            check_parallel(shape(key), gpus)
        except ValueError:
            continue
        degrees.append(gpus)
    return degrees


@st.composite
def deployments(draw: Any) -> Deployment:
    key = draw(st.sampled_from(shape_keys()))
    return Deployment(
        shape(key),
        accelerator(draw(st.sampled_from(accelerator_keys()))),
        draw(st.sampled_from(parallel_degrees(key))),
        weight_dtype=draw(st.sampled_from(["bf16", "fp8", "int4"])),
        kv_dtype=draw(st.sampled_from(["bf16", "fp8"])),
        compute_efficiency=draw(st.floats(0.05, 1.0)),
        bandwidth_efficiency=draw(st.floats(0.05, 1.0)),
        all_reduce_latency=Q(draw(st.floats(0, 50)), "us"),
        host_overhead=Q(draw(st.floats(0, 10)), "ms"),
    )


batches = st.integers(1, 1024)
prompts = st.integers(1, 16_000)
outputs = st.integers(1, 4_000)


def tokens(count: float) -> Any:
    return Q(count, "token/request")
