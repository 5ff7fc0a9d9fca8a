"""Sizing core: units, shapes, rooflines, queues, prices, evidence, claims. Pure: no network, no torch, no vLLM.

The names below are what notebooks use; everything else is in the modules. `claims` is imported by name:
`from reference.sizing import claims`.
"""

from .bands import BANDS, Implausible, ImplausibleWarning, check, find, what_if
from .closed_loop_fit import BadPoint, ErrorTable, LoadMeasurement, LoadModel, fit_load
from .decoding import (
    break_even_batch,
    expected_tokens,
    prefill_stall,
    prefix_gain,
    speculative_speedup,
    verify_cost,
)
from .evidence import Cited, Derived, Evidence, Figure, Measured, Simulated, derive
from .hardware import Hardware, NoPrice, Price, StalePrice, accelerator, accelerator_keys
from .memory import Infeasible, MemoryPlan, kv_bytes_per_token, weights_bytes, without_gqa
from .memory import fit as fit_memory
from .queueing import Unstable, erlang_b, erlang_c, littles_law, mgc, mmc
from .roofline import Deployment, compute_roof, decode_step_time, prefill_time, ridge_batch
from .sensitivity import Spread, Tornado, monte_carlo, tornado
from .shapes import BadShape, ModelShape, from_hf_config, parameter_count, shape, shape_keys
from .throughput import Capacity, LoadPoint, Unreachable, capacity, closed_loop
from .traffic import average_rate, cold_start_time, messages_per_day, peak_rate, replicas_for
from .units import Q, Quantity, UnitError, magnitude, money, show, ureg

__all__ = [
    "BANDS", "BadPoint", "BadShape", "Capacity", "Cited", "Deployment", "Derived", "ErrorTable", "Evidence", "Figure",
    "Hardware", "Implausible", "ImplausibleWarning", "Infeasible", "LoadMeasurement", "LoadModel", "LoadPoint",
    "Measured", "MemoryPlan", "ModelShape", "NoPrice", "Price", "Q", "Quantity", "Simulated", "Spread", "StalePrice",
    "Tornado", "UnitError", "Unreachable", "Unstable", "accelerator", "accelerator_keys", "average_rate",
    "break_even_batch", "capacity", "check", "closed_loop", "cold_start_time", "compute_roof", "decode_step_time",
    "derive", "erlang_b", "erlang_c", "expected_tokens", "find", "fit_load", "fit_memory", "from_hf_config",
    "kv_bytes_per_token", "littles_law", "magnitude", "messages_per_day", "mgc", "mmc", "money", "monte_carlo",
    "parameter_count", "peak_rate", "prefill_stall", "prefill_time", "prefix_gain", "replicas_for", "ridge_batch",
    "shape", "shape_keys", "show", "speculative_speedup", "tornado", "ureg", "verify_cost", "weights_bytes", "what_if",
    "without_gqa",
]  # fmt: skip
