"""Size it: how many versions stand by on one machine, and how long the way back takes with and without them."""

from __future__ import annotations

from random import Random

from exercises.model import Ask, Exercise, Kind, Mistake, Params
from reference.sizing import Q, cold_start_time, magnitude, weights_bytes
from reference.sizing.shapes import shape

MODELS = ("llama-3.1-70b", "qwen2.5-72b", "llama-2-70b", "mixtral-8x7b")


def draw(random: Random) -> dict[str, object]:
    one = shape(random.choice(MODELS))
    return {
        "model": one.key,
        "parameters": one.total_parameters,
        "gpus": 8,
        "gpu_gb": random.choice([80, 96, 141, 192]),
        "usable": 0.9,
        "cache_gb": random.choice([150, 200, 260, 320]),
        "poll_s": random.choice([1, 2, 5]),
        "longest_answer_s": random.choice([20, 30, 45, 60]),
        "provision_s": random.choice([20, 40, 60]),
        "pull_s": random.choice([15, 25, 40]),
        "link_gbit_s": random.choice([8, 10, 12, 16]),
        "warm_up_s": random.choice([10, 20, 30]),
    }


def prompt(p: Params) -> str:
    return f"""`{p["model"]}` ({p["parameters"]:,} parameters in 16 bits) serves from {p["gpus"]} GPUs of {p["gpu_gb"]}
GB. The engine may use {p["usable"]:.0%} of their memory; the KV cache must keep {p["cache_gb"]} GB of that. Versions
that stand by are loaded whole, into the same memory. Routers read the state of the rollout every {p["poll_s"]} s; the
longest answer takes {p["longest_answer_s"]} s. A replica that is not there needs {p["provision_s"]} s for a machine,
{p["pull_s"]} s for its image, the weights over a link of {p["link_gbit_s"]:g} Gbit/s, and {p["warm_up_s"]} s to warm
up, one after the other.

- `standby`: how many other versions can stand by beside the one that serves (a whole number)?
- `back_s`: the previous version stands by. The longest time in seconds from the write that rolls back to the last word
  of the bad version.
- `cold_back_s`: the same if the previous version must first be started, and routers are told once it is ready."""


def _cold(p: Params, weights_gb: float, gb_per_s: float) -> float:
    start = cold_start_time(
        provision=Q(p["provision_s"], "s"),
        image_pull=Q(p["pull_s"], "s"),
        weights=Q(weights_gb, "GB"),
        load_bandwidth=Q(gb_per_s, "GB/s"),
        warm_up=Q(p["warm_up_s"], "s"),
    )
    return magnitude(start, "s")


def answers(p: Params) -> dict[str, float | str]:
    weights = magnitude(weights_bytes(shape(p["model"]), "bf16"), "GB")
    back = p["poll_s"] + p["longest_answer_s"]
    link = magnitude(Q(p["link_gbit_s"], "Gbit/s"), "GB/s")
    return {
        "standby": (p["gpus"] * p["gpu_gb"] * p["usable"] - p["cache_gb"]) / weights - 1,
        "back_s": back,
        "cold_back_s": _cold(p, weights, link) + back,
    }


def mistakes(p: Params) -> dict[str, list[Mistake]]:
    right = answers(p)
    weights = magnitude(weights_bytes(shape(p["model"]), "bf16"), "GB")
    cold, back, standby = (float(right[name]) for name in ("cold_back_s", "back_s", "standby"))
    loading = weights * 8 / p["link_gbit_s"]
    return {
        "standby": [
            Mistake("forgot_production", standby + 1),
            Mistake("forgot_cache_room", p["gpus"] * p["gpu_gb"] * p["usable"] / weights - 1),
        ],
        "back_s": [Mistake("forgot_in_flight", p["poll_s"]), Mistake("forgot_poll", p["longest_answer_s"])],
        "cold_back_s": [
            Mistake("link_bits_for_bytes", cold - loading * 7 / 8),
            Mistake("forgot_weights_load", cold - loading),
            Mistake("forgot_in_flight", cold - p["longest_answer_s"]),
            Mistake("start_only", cold - back),
        ],
    }


EXERCISE = Exercise(
    id="q3-way-back",
    kind=Kind.SIZE,
    title="The way back, loaded and not loaded",
    section="5",
    difficulty=2,
    minutes=8,
    points=6,
    draw=draw,
    prompt=prompt,
    hints=(
        "Who is already in the memory before the first version stands by?",
        "A router may read the state just before the write, and begin a last answer just before it reads again.",
        "A link is given in bits per second, weights in bytes.",
    ),
    asks=(
        Ask("standby", "", "versions that stand by", whole="down"),
        Ask("back_s", "s", "way back, loaded", tolerance=0.005),
        Ask("cold_back_s", "s", "way back, not loaded", tolerance=0.005),
    ),
    answers=answers,
    mistakes=mistakes,
)
