"""The six strategies as pure functions: lines of a bill in, lines and what must be paid beside them out.

They take `Line`, or `Usage` whose figures are numpy arrays of draws; parameters are floats or arrays alike. A share can
be a function of the feature. What a strategy adds (a router, GPUs, false answers) is returned, so that no saving hides
what it costs; where there is nothing to act on, nothing is added.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar, cast

from reference.sizing.bill.lines import Kind, Line
from reference.sizing.bill.prices import line_cost, model_price
from reference.sizing.hardware import NoPrice
from reference.sizing.self_hosting import gpus_needed

Number = Any  # float, or a numpy array of draws
Share = Number | Callable[[str], Number]


@dataclass(frozen=True)
class Usage:
    """A Line whose figures may be arrays; unchecked, for the inside of a plan."""

    model: str
    requests: Number
    input_tokens: Number
    output_tokens: Number = 0.0
    cached_tokens: Number = 0.0
    batch: bool = False
    tenant: str = ""
    feature: str = ""
    provider: str = ""
    kind: Kind = "chat"


L = TypeVar("L", Line, Usage)


@dataclass(frozen=True)
class Applied(Generic[L]):
    """Lines after a strategy; `added`: dollars a month that it costs, by what for."""

    lines: tuple[L, ...]
    added: Mapping[str, Number] = field(default_factory=dict)

    @property
    def extra(self) -> Number:
        """Dollars a month that the strategies cost themselves."""
        return sum(self.added.values()) if self.added else 0.0


def dollars(lines: Sequence[L]) -> Number:
    """A month's list price of all lines; an array if their figures are arrays."""
    return sum((line_cost(cast(Line, line)).total for line in lines), 0.0)


def routing(
    lines: Sequence[L], *, to: Mapping[str, str], share: Share, router_cost: Number = 0.0, monthly: Number = 0.0
) -> Applied[L]:
    """A: `share` of the requests to a model in `to` is answered by the cheaper one; the router reads all of them."""
    kept: list[L] = []
    asked: Number = 0.0
    for line in lines:
        cheaper = to.get(_name(line)) if line.kind == "chat" else None
        if cheaper is None:
            kept.append(line)
            continue
        moved = _share(share, line)
        asked = asked + line.requests
        kept += [_scaled(line, 1 - moved), replace(_scaled(line, moved), model=cheaper, provider=_at(cheaper, line))]
    return Applied(_some(kept), {"router": _if(asked, asked * router_cost + monthly)})


def caching(
    lines: Sequence[L], *, exact: Share, semantic: Share, false_hits: Number = 0.0, false_cost: Number = 0.0,
    lookup_cost: Number = 0.0, monthly: Number = 0.0, prefix_share: Number = 0.0, prefix_minimum: Number = 1024.0,
) -> Applied[L]:  # fmt: skip
    """B: `exact` and `semantic` shares of all requests are not sent; of the semantic ones `false_hits` are wrong.

    A wrong answer costs `false_cost`; whatever is no exact hit pays `lookup_cost`. Of the input that is still sent
    `prefix_share` comes from the provider's prompt cache, where prompts have `prefix_minimum` tokens or more.
    """
    import numpy as np

    kept: list[L] = []
    asked: Number = 0.0
    looked: Number = 0.0
    wrong: Number = 0.0
    for line in lines:
        if line.kind != "chat":
            kept.append(line)
            continue
        first = _share(exact, line)
        like = np.minimum(_share(semantic, line), 1 - first)
        asked = asked + line.requests
        looked = looked + line.requests * (1 - first)
        wrong = wrong + line.requests * like * false_hits
        left = _scaled(line, 1 - first - like)
        long = left.input_tokens >= prefix_minimum * left.requests
        seen = np.maximum(left.cached_tokens, left.input_tokens * prefix_share)
        cached = np.where(long & (left.requests > 0), seen, left.cached_tokens)
        kept.append(replace(left, cached_tokens=_plain(cached)))
    added = {
        "cache": _if(asked, looked * lookup_cost + monthly),
        "false answers": wrong * false_cost,
    }
    return Applied(_some(kept), added)


def prompts(
    lines: Sequence[L], *, system_share: Number = 0.0, system_factor: Number = 1.0, example_share: Number = 0.0,
    example_factor: Number = 1.0, output_factor: Number = 1.0,
) -> Applied[L]:  # fmt: skip
    """C: the system part and the examples of the input shrink by their factors, the answers by `output_factor`."""
    factor = 1 - system_share * (1 - system_factor) - example_share * (1 - example_factor)
    shorter = [
        replace(
            line, input_tokens=line.input_tokens * factor, cached_tokens=line.cached_tokens * factor,
            output_tokens=line.output_tokens * output_factor,
        )
        if line.kind == "chat" else line
        for line in lines
    ]  # fmt: skip
    return Applied(tuple(shorter))


def batching(lines: Sequence[L], *, share: Share, embedding_share: Share = 0.0) -> Applied[L]:
    """D: what may wait goes through the provider's batch API; nothing where no discount of it is known."""
    kept: list[L] = []
    for line in lines:
        if line.batch or model_price(line.model, line.provider).batch >= 1:
            kept.append(line)
            continue
        waits = _share(share if line.kind == "chat" else embedding_share, line)
        kept += [_scaled(line, 1 - waits), replace(_scaled(line, waits), batch=True)]
    return Applied(_some(kept))


def embeddings(
    lines: Sequence[L], *, share: Number = 1.0, rate: Number, utilisation: Number, price_per_hour: Number,
    hours: Number, replicas: Number = 2.0, ops: Number = 0.0,
) -> Applied[L]:  # fmt: skip
    """E: embedding lines are replaced by GPUs of `rate` tokens/s, planned with `utilisation`, and by `ops` dollars."""
    moving = [line for line in lines if line.kind == "embedding"]
    tokens = sum((line.input_tokens * share for line in moving), 0.0)
    kept = [_scaled(line, 1 - share) if line.kind == "embedding" else line for line in lines]
    return Applied(_some(kept), _fleet(tokens, rate, utilisation, price_per_hour, hours, replicas, ops))


def small_model(
    lines: Sequence[L], *, models: Collection[str], share: Share, rate: Number, utilisation: Number,
    price_per_hour: Number, hours: Number, replicas: Number = 2.0, ops: Number = 0.0,
) -> Applied[L]:  # fmt: skip
    """F: the simple `share` of the calls to cheap `models` moves to GPUs of one's own.

    rate: tokens/s of one GPU, input and output together, at about the bill's proportion of the two.
    """
    kept: list[L] = []
    tokens: Number = 0.0
    for line in lines:
        if line.kind != "chat" or _name(line) not in models:
            kept.append(line)
            continue
        simple = _share(share, line)
        tokens = tokens + (line.input_tokens + line.output_tokens) * simple
        kept.append(_scaled(line, 1 - simple))
    return Applied(_some(kept), _fleet(tokens, rate, utilisation, price_per_hour, hours, replicas, ops))


def _fleet(
    tokens: Number, rate: Number, utilisation: Number, price: Number, hours: Number, replicas: Number, ops: Number
) -> dict[str, Number]:
    gpus = gpus_needed(tokens, rate * utilisation * hours * 3600, replicas)
    return {"GPUs": _plain(gpus * price * hours), "operation": _if(tokens, ops)}


def _name(line: Line | Usage) -> str:
    """The model's name in the price list: exports have dated variants of it."""
    return model_price(line.model, line.provider).model


def _at(model: str, line: Line | Usage) -> str:
    """The same provider for another model if it has it, otherwise whoever does."""
    try:
        model_price(model, line.provider)
    except NoPrice:
        return ""
    return line.provider


def _share(share: Share, line: Line | Usage) -> Number:
    return share(line.feature) if callable(share) else share


def _scaled(line: L, factor: Number) -> L:
    return replace(
        line, requests=line.requests * factor, input_tokens=line.input_tokens * factor,
        output_tokens=line.output_tokens * factor, cached_tokens=line.cached_tokens * factor,
    )  # fmt: skip


def _if(volume: Number, cost: Number) -> Number:
    """The cost where there is volume, otherwise 0."""
    import numpy as np

    return _plain(np.where(np.asarray(volume) > 0, cost, 0.0))


def _plain(value: Any) -> Number:
    """A float instead of an array without axes."""
    return float(value) if getattr(value, "ndim", 0) == 0 else value


def _some(lines: Sequence[L]) -> tuple[L, ...]:
    """Without the lines that hold nothing."""
    import numpy as np

    return tuple(line for line in lines if np.any(line.requests) or np.any(line.input_tokens))
