"""Short names for the kinds of quantity that appear in many signatures; bands.toml has the band of each kind."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from .units import Quantity

PromptTokens: TypeAlias = Annotated[Quantity, "context_length"]
OutputTokens: TypeAlias = Annotated[Quantity, "tokens_per_request"]
RequestRate: TypeAlias = Annotated[Quantity, "request_rate"]
Duration: TypeAlias = Annotated[Quantity, "duration"]
Latency: TypeAlias = Annotated[Quantity, "latency"]
TimePerToken: TypeAlias = Annotated[Quantity, "tpot"]
Memory: TypeAlias = Annotated[Quantity, "memory"]
Cost: TypeAlias = Annotated[Quantity, "cost"]
