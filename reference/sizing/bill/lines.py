"""Lines of a bill: what was used, summed over requests that are priced alike. The bill is a tuple of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["chat", "embedding"]


class BillError(ValueError):
    """A record, a line or a parameter cannot be used; the message names the field and the mend."""


@dataclass(frozen=True)
class Line:
    """Usage that is priced alike.

    Attributes:
        model: the provider's name of it, e.g. `gpt-4o-mini`; provider: as in genai-prices, empty: found by the model.
        kind: `chat` or `embedding` (no output tokens).
        requests, input_tokens, cached_tokens, output_tokens: sums; floats, since plans scale them. `cached_tokens` is
            the part of `input_tokens` that the provider read from its prompt cache.
        batch: sent through a batch API.
        tenant, feature: whom and what it was for; empty: not known.

    Raises:
        BillError: a negative figure, or more cached than input tokens.
    """

    model: str
    requests: float
    input_tokens: float
    output_tokens: float = 0.0
    cached_tokens: float = 0.0
    batch: bool = False
    tenant: str = ""
    feature: str = ""
    provider: str = ""
    kind: Kind = "chat"

    def __post_init__(self) -> None:
        for name in ("requests", "input_tokens", "output_tokens", "cached_tokens"):
            value = getattr(self, name)
            if not 0 <= value < float("inf"):
                raise BillError(f"{name}: must be 0 or more, got {value!r}")
        if self.cached_tokens > self.input_tokens * (1 + 1e-9):
            raise BillError(
                f"cached_tokens: {self.cached_tokens:g} of {self.input_tokens:g} input tokens; cached ones are a part "
                "of the input"
            )
        if not self.model:
            raise BillError("model: is empty")
