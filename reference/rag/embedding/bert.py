"""The encoder of all-MiniLM-L6-v2 in torch: BERT with 6 layers, 12 heads, hidden size 384 (Devlin et al. 2019).

Written out instead of loaded through transformers: it starts in a fraction of a second, and what is exported to ONNX is
visible here. A test compares it with transformers' BertModel.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from reference.rag.embedding.encoder_parts import pooled, with_weights
from reference.rag.types import RagError


def build_encoder(folder: Path) -> Any:
    """The encoder with the weights in `folder`, float32, on the CPU, ready to run.

    It maps token ids [b, t] and their mask [b, t] (1 is text, 0 padding) to sentence vectors [b, h] (mean over the
    text's tokens, length one) and token vectors [b, t, h].
    """
    import torch
    from torch import nn
    from torch.nn import functional

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if config.get("model_type") != "bert" or config.get("hidden_act") != "gelu":
        raise RagError(f"{folder} holds a {config.get('model_type')!r} model; this encoder is BERT with gelu")
    hidden, heads, epsilon = config["hidden_size"], config["num_attention_heads"], config["layer_norm_eps"]

    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mixer = nn.Linear(hidden, 3 * hidden)  # query, key and value in one product
            self.attended = nn.Linear(hidden, hidden)
            self.attended_norm = nn.LayerNorm(hidden, eps=epsilon)
            self.wide = nn.Linear(hidden, config["intermediate_size"])
            self.narrow = nn.Linear(config["intermediate_size"], hidden)
            self.norm = nn.LayerNorm(hidden, eps=epsilon)

        def forward(self, states: Any, bias: Any) -> Any:
            batch, length = states.shape[0], states.shape[1]

            parts = self.mixer(states).view(batch, length, 3, heads, hidden // heads).permute(2, 0, 3, 1, 4)
            mixed = functional.scaled_dot_product_attention(parts[0], parts[1], parts[2], attn_mask=bias)
            states = self.attended_norm(states + self.attended(mixed.transpose(1, 2).reshape(batch, length, hidden)))
            return self.norm(states + self.narrow(functional.gelu(self.wide(states))))

    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(config["vocab_size"], hidden)
            self.positions = nn.Embedding(config["max_position_embeddings"], hidden)
            self.types = nn.Embedding(config["type_vocab_size"], hidden)
            self.norm = nn.LayerNorm(hidden, eps=epsilon)
            self.layers = nn.ModuleList(Layer() for _ in range(config["num_hidden_layers"]))

        def forward(self, ids: Any, mask: Any) -> tuple[Any, Any]:
            places = torch.arange(ids.shape[1], device=ids.device)
            states = self.norm(self.words(ids) + self.positions(places) + self.types.weight[0])
            lowest = torch.finfo(states.dtype).min
            bias = (1 - mask[:, None, None, :].to(states.dtype)) * lowest
            for layer in self.layers:
                states = layer(states, bias)
            return pooled(states, mask), states

    return with_weights(Encoder(), folder, _renamed)


_EMBEDDINGS = {
    "word_embeddings": "words",
    "position_embeddings": "positions",
    "token_type_embeddings": "types",
    "LayerNorm": "norm",
}
_LAYER = {
    "attention.output.dense": "attended",
    "attention.output.LayerNorm": "attended_norm",
    "intermediate.dense": "wide",
    "output.dense": "narrow",
    "output.LayerNorm": "norm",
}


def _renamed(weights: dict[str, Any]) -> dict[str, Any]:
    """The checkpoint's names as the encoder's; what only other tasks use (pooler, position ids) is left out."""
    import torch

    found = {}
    mixers: dict[str, dict[str, Any]] = {}
    for name, value in weights.items():
        name = name.removeprefix("bert.")
        stem, _, kind = name.rpartition(".")
        if stem.startswith("embeddings.") and (part := stem.removeprefix("embeddings.")) in _EMBEDDINGS:
            found[f"{_EMBEDDINGS[part]}.{kind}"] = value
        elif stem.startswith("encoder.layer."):
            number, _, part = stem.removeprefix("encoder.layer.").partition(".")
            if part.startswith("attention.self."):
                mixers.setdefault(f"layers.{number}.mixer.{kind}", {})[part.removeprefix("attention.self.")] = value
                continue
            found[f"layers.{number}.{_LAYER[part]}.{kind}"] = value
    for name, parts in mixers.items():
        found[name] = torch.cat([parts["query"], parts["key"], parts["value"]])
    return found
