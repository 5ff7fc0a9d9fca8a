"""What a call costs, and the most that it can cost, in dollars."""

from __future__ import annotations

from dataclasses import dataclass

from reference.agents.types import ReviewError


@dataclass(frozen=True, slots=True)
class Prices:
    """Dollars per million tokens. `source` says where they come from, with its date."""

    input_per_million: float
    output_per_million: float
    source: str

    @classmethod
    def of(cls, model: str, provider: str | None = None) -> Prices:
        """List prices of an API model, dated.

        Raises:
            ReviewError: the price list does not know the model; give prices yourself.
        """
        from reference.sizing.cost import token_price

        try:
            listed = token_price(model, provider)
        except LookupError as problem:
            raise ReviewError(
                f"no list price for model {model!r} ({problem}); give Prices(input, output, source)"
            ) from None
        evidence = listed.evidence
        source = f"{evidence.source}, {evidence.date}"
        return cls(listed.input.m_as("USD/Mtoken"), listed.output.m_as("USD/Mtoken"), source)

    def cost(self, input_tokens: int, output_tokens: int) -> float:
        return (input_tokens * self.input_per_million + output_tokens * self.output_per_million) / 1e6

    def worst(self, text: str, max_tokens: int) -> float:
        """No call with this prompt costs more: a byte-level vocabulary has at least one byte per token, and the server
        stops at `max_tokens`. 64 tokens are added for the chat template."""
        return self.cost(len(text.encode("utf-8", "surrogatepass")) + 64, max_tokens)


LOCAL = Prices(0.0, 0.0, "own machine: paid by the hour, not by the token")
