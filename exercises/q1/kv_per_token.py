"""Size it: the KV cache of one token, and how many conversations fit into what the weights leave."""

from __future__ import annotations

from random import Random

from exercises.model import Ask, Exercise, Kind, Mistake, Params
from reference.sizing import Q, kv_bytes_per_token, magnitude, weights_bytes
from reference.sizing.shapes import shape

MODELS = ("llama-3.1-8b", "llama-3.1-70b", "qwen2.5-7b", "qwen2.5-72b")


def draw(random: Random) -> dict[str, object]:
    one = shape(random.choice(MODELS))
    weights = magnitude(weights_bytes(one, "bf16"), "GB")
    return {
        "model": one.key,
        "layers": one.layers,
        "heads": one.heads,
        "kv_heads": one.kv_heads,
        "head_dim": one.head_dim,
        "free_gb": random.choice([6, 9, 14, 22, 30]) if weights < 40 else random.choice([20, 35, 60, 90]),
        "context_tokens": random.choice([1500, 2500, 3500, 6000]),
    }


def prompt(p: Params) -> str:
    return f"""`{p["model"]}` has {p["layers"]} layers, {p["heads"]} query heads, {p["kv_heads"]} KV heads of
dimension {p["head_dim"]}, and keeps its cache in 16 bits. After the weights, {p["free_gb"]} GB are left for it.

- `kv_kib_per_token`: the cache of one token, in KiB.
- `conversations`: how many conversations of {p["context_tokens"]:,} tokens fit at the same time (a whole number)?"""


def _answers(p: Params, kv_heads: int, layers: int, vectors: int = 2, gigabyte: float = 1e9) -> dict[str, float]:
    per_token = vectors * layers * kv_heads * p["head_dim"] * 2
    return {
        "kv_kib_per_token": per_token / 1024,
        "conversations": p["free_gb"] * gigabyte / (per_token * p["context_tokens"]),
    }


def answers(p: Params) -> dict[str, float | str]:
    per_token = kv_bytes_per_token(shape(p["model"]), "bf16")
    conversation = (per_token * Q(p["context_tokens"], "token")).to("byte")
    return {
        "kv_kib_per_token": magnitude(per_token, "KiB/token"),
        "conversations": magnitude(Q(p["free_gb"], "GB"), "byte") / conversation.magnitude,
    }


def mistakes(p: Params) -> dict[str, list[Mistake]]:
    made = {
        "query_heads_for_kv_heads": _answers(p, p["heads"], p["layers"]),
        "forgot_keys_or_values": _answers(p, p["kv_heads"], p["layers"], vectors=1),
        "forgot_layers": _answers(p, p["kv_heads"], 1),
        "gib_for_gb": _answers(p, p["kv_heads"], p["layers"], gigabyte=1024**3),
    }
    per_token = [Mistake(slip, made[slip]["kv_kib_per_token"]) for slip in list(made)[:3]]
    return {
        "kv_kib_per_token": per_token,
        "conversations": [Mistake(slip, value["conversations"]) for slip, value in made.items()],
    }


EXERCISE = Exercise(
    id="q1-kv-per-token",
    kind=Kind.SIZE,
    title="What one token keeps",
    section="2.2",
    difficulty=1,
    minutes=5,
    points=4,
    draw=draw,
    prompt=prompt,
    hints=(
        "Attention needs the keys and the values of every earlier token, in every layer.",
        "Grouped queries share one KV head: count the heads that are stored, not those that ask.",
        "A KiB is 1,024 bytes, a GB is 1,000,000,000.",
    ),
    asks=(
        Ask("kv_kib_per_token", "KiB", "cache of one token"),
        Ask("conversations", "", "conversations that fit", whole="down"),
    ),
    answers=answers,
    mistakes=mistakes,
)
