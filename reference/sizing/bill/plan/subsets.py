"""The bill under every set of strategies: 64 of them, for one set of figures or for thousands of draws at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reference.sizing.bill.lines import Line

from . import strategies
from .assumptions import BY_FEATURE, PlanAssumptions, figures
from .strategies import Applied, Number, Usage, dollars

# In the order of the usual answer, which is the default order of a plan; a bit of a mask each.
TITLES = {
    "routing": "A model routing",
    "caching": "B caching",
    "prompts": "C shorter prompts",
    "batching": "D batch API",
    "embeddings": "E own embeddings",
    "small-model": "F own small model",
}
NAMES = tuple(TITLES)
# What a request meets first, whatever was built first: its prompt is built, the cache is asked, and so on.
_FLOW = ("prompts", "caching", "routing", "small-model", "batching", "embeddings")


@dataclass(frozen=True)
class Figures:
    """The figures of a plan: floats, or arrays of draws."""

    values: Mapping[str, Number]
    by_feature: Mapping[str, Mapping[str, Number]]
    routes: Mapping[str, str]
    small_models: tuple[str, ...]

    @classmethod
    def expected(cls, a: PlanAssumptions) -> Figures:
        """Every figure at its value."""
        return cls._of(a, lambda one: one.value)

    @classmethod
    def drawn(cls, a: PlanAssumptions, draws: int, seed: int) -> Figures:
        """Every figure as an array of shape (draws,), independent of the others."""
        import numpy as np

        random = np.random.default_rng(seed)
        return cls._of(a, lambda one: one.draw(random, draws))

    @classmethod
    def _of(cls, a: PlanAssumptions, value: Callable[[Any], Number]) -> Figures:
        values = {name: value(getattr(a, name)) for name in figures()}
        features = {name: {key: value(one) for key, one in inner.items()} for name, inner in a.by_feature.items()}
        return cls(values, features, a.routes, a.small_models)

    def __getitem__(self, name: str) -> Number:
        return self.values[name]

    def share(self, name: str) -> Callable[[str], Number]:
        """A share by feature, with the field itself for features that are not named."""
        special = self.by_feature.get(name, {})
        return lambda feature: special.get(feature, self.values[name])


def apply(name: str, lines: Sequence[Any], f: Figures) -> Applied[Any]:
    """One strategy with the figures of a plan. Raises KeyError for an unknown name."""
    return _APPLY[name](lines, f)


_APPLY: dict[str, Callable[[Sequence[Any], Figures], Applied[Any]]] = {
    "routing": lambda lines, f: strategies.routing(
        lines, to=f.routes, share=f.share("route_share"), router_cost=f["router_cost"], monthly=f["route_monthly"]
    ),
    "caching": lambda lines, f: strategies.caching(
        lines, exact=f.share("exact_hit_rate"), semantic=f.share("semantic_hit_rate"), false_hits=f["false_hit_rate"],
        false_cost=f["false_answer_cost"], lookup_cost=f["lookup_cost"], monthly=f["cache_monthly"],
        prefix_share=f["prompt_cache_share"], prefix_minimum=f["prompt_cache_minimum"],
    ),
    "prompts": lambda lines, f: strategies.prompts(
        lines, system_share=f["system_share"], system_factor=f["system_factor"], example_share=f["example_share"],
        example_factor=f["example_factor"], output_factor=f["output_factor"],
    ),
    "batching": lambda lines, f: strategies.batching(
        lines, share=f.share("batch_share"), embedding_share=f["batch_embedding_share"]
    ),
    "embeddings": lambda lines, f: strategies.embeddings(
        lines, share=f["embed_share"], rate=f["embed_rate"], utilisation=f["embed_utilisation"],
        price_per_hour=f["embed_gpu_price"], hours=f["hours"], replicas=f["embed_replicas"], ops=f["embed_ops"],
    ),
    "small-model": lambda lines, f: strategies.small_model(
        lines, models=f.small_models, share=f.share("small_share"), rate=f["small_rate"],
        utilisation=f["small_utilisation"], price_per_hour=f["small_gpu_price"], hours=f["hours"],
        replicas=f["small_replicas"], ops=f["small_ops"],
    ),
}  # fmt: skip


def merged(lines: Sequence[Line], features: set[str], long_from: float = 1024.0) -> tuple[Line, ...]:
    """Lines that are priced and treated alike as one: a plan does not care for tenants, nor for features not named.

    A cache at the provider takes prompts of `long_from` tokens or more, so those are kept apart by length, in steps of
    5 %; a bill costs the same merged or not.
    """
    sums: dict[tuple[Any, ...], list[float]] = {}
    for line in lines:
        feature = line.feature if line.feature in features else ""
        mean = line.input_tokens / line.requests if line.requests > 0 else 0.0
        length = round(math.log(mean / long_from, 1.05)) if mean >= long_from > 0 else -1
        key = (line.model, line.provider, line.kind, line.batch, feature, length)
        total = sums.setdefault(key, [0.0] * 4)
        for i, value in enumerate((line.requests, line.input_tokens, line.output_tokens, line.cached_tokens)):
            total[i] += value
    return tuple(
        Line(model, requests, tokens_in, tokens_out, min(cached, tokens_in), batch, "", feature, provider, kind)
        for (model, provider, kind, batch, feature, _), (requests, tokens_in, tokens_out, cached) in sums.items()
    )


def bill_of(names: Collection[str], lines: Sequence[Line], f: Figures, other: float = 0.0) -> Number:
    """Dollars a month under one set of strategies; plain lines, so without the factor of the volume."""
    rows, added = tuple(lines), other
    for name in _FLOW:
        if name in names:
            done = apply(name, rows, f)
            rows, added = done.lines, added + done.extra
    return dollars(rows) + added


def bills(lines: Sequence[Line], f: Figures, a: PlanAssumptions, other: float = 0.0) -> Any:
    """Dollars a month under each of the 64 sets: array of shape (64,), or (64, draws) for drawn figures.

    Strategies act in the order in which a request meets them, so a set has one bill, whatever was built first. `other`:
    what no strategy touches. Each branch shares the work of what comes before it: 63 applications instead of 192.
    """
    import numpy as np

    named = {feature for name in BY_FEATURE for feature in a.by_feature.get(name, {})}
    volume = f["volume"]
    start = tuple(
        Usage(
            one.model, one.requests * volume, one.input_tokens * volume, one.output_tokens * volume,
            one.cached_tokens * volume, one.batch, one.tenant, one.feature, one.provider, one.kind,
        )
        for one in merged(lines, named, a.prompt_cache_minimum.low)
    )  # fmt: skip
    found: list[Any] = [0.0] * (1 << len(NAMES))

    def walk(step: int, rows: tuple[Usage, ...], added: Number, mask: int) -> None:
        if step == len(_FLOW):
            found[mask] = dollars(rows) + added + other
            return
        name = _FLOW[step]
        walk(step + 1, rows, added, mask)
        done = apply(name, rows, f)
        walk(step + 1, done.lines, added + done.extra, mask | 1 << NAMES.index(name))

    walk(0, start, 0.0, 0)
    return np.stack(np.broadcast_arrays(*(np.asarray(one, dtype=float) for one in found)))
