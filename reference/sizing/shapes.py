"""Shapes of decoder-only transformers, and the parameter counts that follow from them."""

from __future__ import annotations

import functools
import json
import tomllib
from dataclasses import dataclass, fields
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from .bands import checked
from .units import Q, Quantity


class BadShape(ValueError):
    """A model shape that cannot be: the message names the field and what it must satisfy."""


@dataclass(frozen=True)
class ModelShape:
    """A Llama-like decoder: RMSNorm, grouped-query attention, gated (three-matrix) feed-forward, optional experts.

    `ffn` is the inner width of one feed-forward block, or of one expert. Counts are plain integers.
    """

    key: str
    source: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    ffn: int
    vocab: int
    max_context: int
    experts: int = 1
    active_experts: int = 1
    tied_embeddings: bool = False
    qkv_bias: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type == "int" and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise BadShape(f"{self.key}: {field.name} must be a whole number of at least 1, got {value!r}")
        if self.heads % self.kv_heads:
            raise BadShape(
                f"{self.key}: heads ({self.heads}) must be a multiple of kv_heads ({self.kv_heads}), "
                "each KV head serves the same number of query heads"
            )
        if self.active_experts > self.experts:
            raise BadShape(f"{self.key}: active_experts ({self.active_experts}) exceeds experts ({self.experts})")

    @property
    def attention_parameters(self) -> int:
        """Per layer: query, key, value and output projections, with the biases of the first three if there are any."""
        query, keys = self.heads * self.head_dim, self.kv_heads * self.head_dim
        return self.hidden * (2 * query + 2 * keys) + (query + 2 * keys if self.qkv_bias else 0)

    @property
    def expert_parameters(self) -> int:
        """One feed-forward block (gate, up, down), or one expert of a layer."""
        return 3 * self.hidden * self.ffn

    @property
    def embedding_parameters(self) -> int:
        """Parameters of one table of token vectors."""
        return self.vocab * self.hidden

    @property
    def router_parameters(self) -> int:
        """Parameters of the router of one layer; 0 without experts."""
        return self.hidden * self.experts if self.experts > 1 else 0

    def layer_parameters(self, experts: float) -> float:
        """One layer with `experts` of its experts counted: all of them for memory, the active ones for arithmetic."""
        return self.attention_parameters + experts * self.expert_parameters + self.router_parameters + 2 * self.hidden

    @property
    def total_parameters(self) -> int:
        """All parameters: layers with every expert, tables, the last norm."""
        tables = self.embedding_parameters * (1 if self.tied_embeddings else 2)
        return int(self.layers * self.layer_parameters(self.experts)) + tables + self.hidden

    @property
    def active_parameters(self) -> int:
        """Parameters that one token passes through; equal to the total without experts."""
        idle = self.layers * (self.experts - self.active_experts) * self.expert_parameters
        return self.total_parameters - idle


@checked
def parameter_count(shape: ModelShape) -> Annotated[Quantity, "parameters"]:
    """All parameters, tied embeddings counted once."""
    return Q(shape.total_parameters, "parameter")


@checked
def active_parameter_count(shape: ModelShape) -> Annotated[Quantity, "parameters"]:
    """Parameters one token passes through (mixture of experts: only the experts it is routed to)."""
    return Q(shape.active_parameters, "parameter")


@functools.cache
def _table() -> dict[str, ModelShape]:
    raw = tomllib.loads(resources.files(__package__).joinpath("shapes.toml").read_text("utf-8"))
    return {key: ModelShape(key=key, **row) for key, row in raw.items()}


def shape(key: str) -> ModelShape:
    """The shape called `key`, one of `shape_keys()`. For a model of your own use `from_hf_config`."""
    try:
        return _table()[key]
    except KeyError:
        raise KeyError(
            f"unknown model shape {key!r}; known: {', '.join(shape_keys())}; "
            "for another model use from_hf_config('path/to/config.json')"
        ) from None


def shape_keys() -> list[str]:
    """Keys of the models that are known, in order."""
    return sorted(_table())


# Families whose decoder is the one ModelShape describes. Anything else would be sized wrongly without a word.
_FAMILIES = {"llama", "mistral", "mixtral", "qwen2", "smollm", "yi"}


def from_hf_config(path: str | Path) -> ModelShape:
    """Shape of a model from its Hugging Face `config.json` (the file, or the folder that holds it).

    Raises BadShape if the file is no such configuration, lacks a field, or is of a family this formula does not fit.
    """
    file = Path(path)
    file = file / "config.json" if file.is_dir() else file
    try:
        config: Any = json.loads(file.read_text("utf-8"))
    except OSError as error:
        raise BadShape(f"cannot read {file}: {error.strerror}") from None
    except ValueError as error:
        raise BadShape(f"{file} is not JSON: {error}") from None
    if not isinstance(config, dict):
        raise BadShape(f"{file} holds no JSON object")
    family = config.get("model_type")
    if family not in _FAMILIES:
        raise BadShape(
            f"{file}: model_type {family!r} is not one of {', '.join(sorted(_FAMILIES))}; "
            "build a ModelShape by hand if its layers are those of Llama"
        )
    try:
        heads, hidden = config["num_attention_heads"], config["hidden_size"]
        return ModelShape(
            key=file.parent.name or family,
            source=str(config.get("_name_or_path") or file),
            layers=config["num_hidden_layers"],
            hidden=hidden,
            heads=heads,
            kv_heads=config.get("num_key_value_heads") or heads,
            head_dim=config.get("head_dim") or hidden // heads,
            ffn=config["intermediate_size"],
            vocab=config["vocab_size"],
            max_context=config["max_position_embeddings"],
            experts=config.get("num_local_experts", 1),
            active_experts=config.get("num_experts_per_tok", 1),
            tied_embeddings=bool(config.get("tie_word_embeddings", False)),
            qkv_bias=bool(config.get("attention_bias", family == "qwen2")),
        )
    except KeyError as error:
        raise BadShape(f"{file} lacks {error.args[0]!r}") from None
    except (TypeError, ZeroDivisionError):
        raise BadShape(f"{file}: hidden_size and num_attention_heads must be positive whole numbers") from None
