"""The usual answer's bill of $500K a month by rows: what its counts cost at list prices, and what would make it true.

A historical scenario: price lists mark gpt-4, gpt-4-turbo and gpt-3.5-turbo as deprecated since 2026-10-23
(litellm 1.109.1), while still naming their prices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from reference.sizing.bill.lines import Kind, Line
from reference.sizing.bill.prices import line_cost

HISTORICAL = (
    "gpt-4, gpt-4-turbo and gpt-3.5-turbo are deprecated since 2026-10-23 (litellm 1.109.1): a scenario of then"
)
_CHAT = ("gpt-4", "gpt-4-turbo", "gpt-4o", "gpt-4.1", "gpt-4o-mini", "gpt-3.5-turbo")
_EMBEDDERS = ("text-embedding-ada-002", "text-embedding-3-small", "text-embedding-3-large")


@dataclass(frozen=True)
class SourceRow:
    """A row of the stated bill.

    Attributes:
        stated: dollars a month in the usual answer; requests: a month, as stated there.
        input_each, output_each: tokens of a request; assumed: empty if the answer states them, otherwise why these.
    """

    name: str
    model: str
    stated: float
    requests: float
    input_each: float
    output_each: float
    kind: Kind = "chat"
    assumed: str = ""

    def line(self, factor: float = 1.0, model: str = "") -> Line:
        """The row as a line of a bill, with `factor` times its tokens, or at another model."""
        return Line(
            model or self.model, self.requests, self.requests * self.input_each * factor,
            self.requests * self.output_each * factor, kind=self.kind,
        )  # fmt: skip

    @property
    def list_cost(self) -> float:
        """What the row costs at list price, dollars a month."""
        return line_cost(self.line()).total

    @property
    def token_factor(self) -> float:
        """Times its tokens at which the row costs what is stated."""
        return self.stated / self.list_cost

    @property
    def true_at(self) -> tuple[float, float]:
        """(input, output) tokens of a request at which the row costs what is stated."""
        return self.input_each * self.token_factor, self.output_each * self.token_factor

    @property
    def by_model(self) -> Mapping[str, float]:
        """What the same tokens cost at the models that it could have meant, dollars a month."""
        names = _CHAT if self.kind == "chat" else _EMBEDDERS
        return {name: line_cost(self.line(model=name)).total for name in names}

    @property
    def fitting(self) -> tuple[str, float]:
        """(model, its cost over the stated one) of the model that comes closest to the stated dollars."""
        name, cost = min(self.by_model.items(), key=lambda one: abs(one[1] - self.stated))
        return name, cost / self.stated


@dataclass(frozen=True)
class SourceBill:
    """The stated bill. `infrastructure`: dollars a month that the answer does not break down."""

    rows: tuple[SourceRow, ...]
    infrastructure: float
    note: str = HISTORICAL

    @property
    def stated(self) -> float:
        return sum(row.stated for row in self.rows) + self.infrastructure

    @property
    def list_cost(self) -> float:
        """Dollars of the whole bill at list prices, infrastructure included."""
        return sum(row.list_cost for row in self.rows) + self.infrastructure

    def lines(self, cost: Literal["stated", "list"] = "stated") -> tuple[Line, ...]:
        """Lines for a plan: with the tokens at which each row costs what is stated, or with the stated tokens."""
        return tuple(row.line(row.token_factor if cost == "stated" else 1.0) for row in self.rows)

    def row(self, name: str) -> SourceRow:
        """Raises KeyError for an unknown row."""
        return {row.name: row for row in self.rows}[name]


def source_bill(
    *, gpt35_input: float = 800.0, gpt35_output: float = 400.0, embedding_tokens: float = 256.0,
    embedder: str = "text-embedding-ada-002",
) -> SourceBill:  # fmt: skip
    """The stated bill; what it leaves open is a parameter: tokens of a GPT-3.5 request and of an embedded text."""
    return SourceBill(
        (
            SourceRow("GPT-4", "gpt-4", 350_000.0, 50e6, 800.0, 400.0),
            SourceRow(
                "GPT-3.5", "gpt-3.5-turbo", 80_000.0, 200e6, gpt35_input, gpt35_output,
                assumed="no token counts are stated: those of the GPT-4 row",
            ),
            SourceRow(
                "embeddings", embedder, 50_000.0, 500e6, embedding_tokens, 0.0, "embedding",
                assumed="neither tokens nor model are stated: a passage of 256 tokens, the dearer old model",
            ),
        ),
        infrastructure=20_000.0,
    )  # fmt: skip
