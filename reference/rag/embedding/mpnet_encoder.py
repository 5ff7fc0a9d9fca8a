"""The encoder of all-mpnet-base-v2 in torch: MPNet with 12 layers, 12 heads, hidden size 768 (Song et al. 2020).

BERT but for three things: no token types, positions that count from 2, and a learnt bias per head for the distance of
two tokens, in buckets that widen with the distance (Raffel et al. 2020, section 2.1), shared by all layers. A test
compares it with transformers' MPNetModel.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from reference.rag.embedding.encoder_parts import pooled, with_weights
from reference.rag.types import RagError

FIRST_POSITION = 2  # 0 and 1 belong to padding
FARTHEST = 128  # tokens; what is farther apart shares the last bucket


def build_mpnet(folder: Path) -> Any:
    """The encoder with the weights in `folder` (config.json, model.safetensors), float32, on the CPU, ready to run.

    It maps token ids [b, t] and their mask [b, t] (1 is text, 0 padding; padding stands at the end) to sentence vectors
    [b, h] (mean over the text's tokens, length one) and token vectors [b, t, h]. Raises RagError for another model.
    """
    import torch
    from torch import nn
    from torch.nn import functional

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if config.get("model_type") != "mpnet" or config.get("hidden_act") != "gelu":
        raise RagError(f"{folder} holds a {config.get('model_type')!r} model; this encoder is MPNet with gelu")
    hidden, heads, epsilon = config["hidden_size"], config["num_attention_heads"], config["layer_norm_eps"]
    longest, buckets = config["max_position_embeddings"] - FIRST_POSITION, config["relative_attention_num_buckets"]

    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.q, self.k, self.v, self.o = (nn.Linear(hidden, hidden) for _ in range(4))
            self.attended_norm = nn.LayerNorm(hidden, eps=epsilon)
            self.wide = nn.Linear(hidden, config["intermediate_size"])
            self.narrow = nn.Linear(config["intermediate_size"], hidden)
            self.norm = nn.LayerNorm(hidden, eps=epsilon)

        def forward(self, states: Any, bias: Any) -> Any:
            batch, length = states.shape[0], states.shape[1]

            def split(layer: Any) -> Any:
                return layer(states).view(batch, length, heads, hidden // heads).transpose(1, 2)

            mixed = functional.scaled_dot_product_attention(split(self.q), split(self.k), split(self.v), attn_mask=bias)
            states = self.attended_norm(states + self.o(mixed.transpose(1, 2).reshape(batch, length, hidden)))
            return self.norm(states + self.narrow(functional.gelu(self.wide(states))))

    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(config["vocab_size"], hidden)
            self.positions = nn.Embedding(config["max_position_embeddings"], hidden)
            self.norm = nn.LayerNorm(hidden, eps=epsilon)
            self.distances = nn.Embedding(buckets, heads)
            self.layers = nn.ModuleList(Layer() for _ in range(config["num_hidden_layers"]))
            self.buckets: torch.Tensor
            self.register_buffer("buckets", distance_buckets(longest, buckets), persistent=False)

        def forward(self, ids: Any, mask: Any) -> tuple[Any, Any]:
            length = ids.shape[1]
            places = torch.arange(length, device=ids.device) + FIRST_POSITION
            states = self.norm(self.words(ids) + self.positions(places))
            near = self.distances(self.buckets[:length, :length]).permute(2, 0, 1)  # [heads, from, to]
            lowest = torch.finfo(states.dtype).min
            bias = near[None] + (1 - mask[:, None, None, :].to(states.dtype)) * (lowest / 2)  # their sum stays finite
            for layer in self.layers:
                states = layer(states, bias)
            return pooled(states, mask), states

    return with_weights(Encoder(), folder, _renamed)


def distance_buckets(length: int, buckets: int) -> Any:
    """int64 [from, to]: the bucket of each pair's distance; the upper half is for tokens that come after.

    Of each half, distances below a half of it have buckets of their own; beyond, buckets grow with the logarithm up to
    FARTHEST.
    """
    import torch

    places = torch.arange(length)
    distance = places[None, :] - places[:, None]
    half = buckets // 2
    exact = half // 2
    far = distance.abs()
    grown = torch.log(far.clamp(min=1).float() / exact) / math.log(FARTHEST / exact) * (half - exact)
    bucket = torch.where(far < exact, far, (exact + grown.long()).clamp(max=half - 1))
    return bucket + torch.where(distance > 0, half, 0)


_WHOLE = {
    "embeddings.word_embeddings": "words",
    "embeddings.position_embeddings": "positions",
    "embeddings.LayerNorm": "norm",
    "encoder.relative_attention_bias": "distances",
}
_LAYER = {
    "attention.attn.q": "q",
    "attention.attn.k": "k",
    "attention.attn.v": "v",
    "attention.attn.o": "o",
    "attention.LayerNorm": "attended_norm",
    "intermediate.dense": "wide",
    "output.dense": "narrow",
    "output.LayerNorm": "norm",
}


def _renamed(weights: dict[str, Any]) -> dict[str, Any]:
    """The checkpoint's names as the encoder's; what only other tasks use (pooler, position ids) is left out."""
    found = {}
    for name, value in weights.items():
        stem, _, kind = name.removeprefix("mpnet.").rpartition(".")
        if stem in _WHOLE:
            found[f"{_WHOLE[stem]}.{kind}"] = value
        elif stem.startswith("encoder.layer."):
            number, _, part = stem.removeprefix("encoder.layer.").partition(".")
            found[f"layers.{number}.{_LAYER[part]}.{kind}"] = value
    return found
