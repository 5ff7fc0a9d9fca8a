"""What a plan assumes: every figure with its value, its range and the reason for both; readable from a TOML file."""

# ruff: noqa: RUF009  (`assumed` returns a dataclass field, as `dataclasses.field` does)

from __future__ import annotations

import dataclasses
import difflib
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reference.sizing.bill.lines import BillError
from reference.sizing.cost import HOURS_PER_MONTH
from reference.sizing.self_hosting import LARGE_EMBEDDER, for_model, measured_rate, scaled_to


@dataclass(frozen=True)
class Assumed:
    """A figure that is not known exactly. Draws are triangular from `low` to `high` with the mode at `value`.

    Raises:
        BillError: not finite, or not low <= value <= high.
    """

    value: float
    low: float
    high: float
    why: str

    def __post_init__(self) -> None:
        for name in ("value", "low", "high"):
            if not math.isfinite(getattr(self, name)):
                raise BillError(f"{name}: must be a finite number, got {getattr(self, name)!r}")
        if not self.low <= self.value <= self.high:
            raise BillError(f"low, value, high: must rise, got {self.low:g}, {self.value:g}, {self.high:g}")

    def draw(self, random: Any, n: int) -> Any:
        """n draws, float array of shape (n,)."""
        import numpy as np

        if self.low == self.high:
            return np.full(n, self.value)
        return random.triangular(self.low, self.value, self.high, n)


def assumed(value: float, low: float, high: float, why: str) -> Any:
    """A field of PlanAssumptions."""
    return field(default=Assumed(value, low, high, why))


def _fixed(value: float, why: str) -> Any:
    return assumed(value, value, value, why)


_SOURCE = "the usual answer"
_H100 = measured_rate("minilm on h100")
_LOW, _HIGH = (for_model(rate, LARGE_EMBEDDER, "e5-large").tokens_per_s for rate in scaled_to(_H100, "a10g"))
_LLAMA, _LLAMA_FP8 = measured_rate("llama-3-8b on h100"), measured_rate("llama-3-8b fp8 on h100")
_ROUTES = {
    "gpt-4": "gpt-4o-mini", "gpt-4-turbo": "gpt-4o-mini", "gpt-4o": "gpt-4o-mini", "gpt-4.1": "gpt-4.1-mini",
    "gpt-5": "gpt-5-mini", "claude-opus-4-5": "claude-haiku-4-5", "claude-sonnet-4-5": "claude-haiku-4-5",
    "gemini-2.5-pro": "gemini-2.5-flash",
}  # fmt: skip
_SMALL = ("gpt-3.5-turbo", "gpt-4o-mini", "gpt-4.1-mini", "gpt-4.1-nano", "gpt-5-mini", "gpt-5-nano",
          "claude-haiku-4-5", "gemini-2.5-flash", "gemini-2.5-flash-lite")  # fmt: skip


@dataclass(frozen=True)
class PlanAssumptions:
    """Parameters of the six strategies. Money in dollars, volumes a month, shares and losses as fractions.

    A quality loss is the share of right answers that is lost, over all requests that the strategy sees; a strategy is
    refused if the high end of it passes `max_quality_loss`.

    Attributes:
        routes: model -> the cheaper one that answers the routed share; small_models: whose simple calls move to
            a model of one's own. Names as the price list has them.
        by_feature: name of a field in BY_FEATURE -> feature -> figure; other features take the field itself.
    """

    volume: Assumed = assumed(1.0, 0.8, 1.25, "assumed: a month's volume against the bill's")

    # -- A routing
    route_share: Assumed = assumed(0.70, 0.30, 0.80, f"{_SOURCE}; range assumed")
    router_cost: Assumed = assumed(1e-6, 1e-7, 1e-5, "assumed: dollars a request for a small classifier on a CPU")
    route_monthly: Assumed = assumed(500.0, 200.0, 1500.0, "assumed: two small machines for the router")
    route_quality_loss: Assumed = assumed(0.03, 0.01, 0.05, "assumed: the bound that its threshold is set for")
    route_weeks: Assumed = assumed(1.0, 1.0, 6.0, f"{_SOURCE}; high: with labels, calibration and a canary")

    # -- B caching
    exact_hit_rate: Assumed = assumed(0.20, 0.05, 0.25, f"{_SOURCE}; range assumed, share of all requests")
    semantic_hit_rate: Assumed = assumed(
        0.05, 0.00, 0.15, "assumed, near a replay of FAQ traffic (benchmark savings_replay); low: guards let hardly a "
        f"wording of another author through (benchmark semantic_cache); high: {_SOURCE}",
    )  # fmt: skip
    false_hit_rate: Assumed = assumed(0.01, 0.001, 0.03, "assumed: share of semantic hits that answer wrongly")
    false_answer_cost: Assumed = assumed(0.05, 0.01, 0.20, "assumed: dollars a false answer costs its owner")
    lookup_cost: Assumed = assumed(2e-6, 5e-7, 1e-5, "assumed: dollars to embed and look up one request")
    prompt_cache_share: Assumed = assumed(0.30, 0.10, 0.50, "assumed: input that the provider's cache has seen")
    prompt_cache_minimum: Assumed = _fixed(1024.0, "OpenAI Cookbook, Prompt Caching 201: from 1,024 tokens on")
    cache_monthly: Assumed = assumed(3000.0, 1500.0, 6000.0, "assumed: Redis and a vector store, a replica each")
    cache_weeks: Assumed = assumed(1.0, 1.0, 4.0, f"{_SOURCE}; high: with guards and labelled pairs")

    # -- C shorter prompts and answers
    system_share: Assumed = assumed(0.25, 0.10, 0.35, f"{_SOURCE}: 200 of 800 input tokens; range assumed")
    system_factor: Assumed = assumed(0.25, 0.25, 0.60, f"{_SOURCE}: 200 to 50 tokens; high end assumed")
    example_share: Assumed = assumed(0.25, 0.00, 0.40, "assumed: five examples of 40 tokens among 800")
    example_factor: Assumed = assumed(0.40, 0.40, 0.80, f"{_SOURCE}: 5 to 2 examples; high end assumed")
    output_factor: Assumed = assumed(0.90, 0.70, 1.00, "assumed: answers in bounded fields")
    prompt_quality_loss: Assumed = assumed(0.01, 0.00, 0.03, "assumed: right answers lost by fewer examples")
    prompt_weeks: Assumed = assumed(2.0, 1.0, 6.0, "assumed: the usual answer says ongoing")

    # -- D batches
    batch_share: Assumed = assumed(0.20, 0.05, 0.40, "assumed: chat requests that may wait a day")
    batch_embedding_share: Assumed = assumed(0.50, 0.20, 0.80, "assumed: embeddings of documents, which may wait")
    batch_quality_loss: Assumed = _fixed(0.0, "the same model answers")
    batch_weeks: Assumed = assumed(1.0, 1.0, 3.0, f"{_SOURCE}; range assumed")

    # -- E embeddings on own GPUs
    embed_share: Assumed = assumed(1.0, 0.9, 1.0, "assumed: all embeddings move, or the index would hold two spaces")
    embed_rate: Assumed = assumed(
        _LOW,
        _LOW,
        _HIGH,
        f"tokens/s of e5-large on an A10G, DERIVED by FLOP and roofline bounds from {_H100.evidence.summary()}",
    )
    embed_utilisation: Assumed = assumed(0.5, 0.3, 0.7, "assumed: mean over peak load, and a spare")
    embed_replicas: Assumed = _fixed(2.0, "one may fail")
    embed_gpu_price: Assumed = assumed(1.006, 0.6, 1.3, "A10G, AWS g5.xlarge on demand, 2026-09-06; range assumed")
    embed_ops: Assumed = assumed(1600.0, 400.0, 4000.0, "assumed: two engineer-days a month")
    embed_quality_loss: Assumed = assumed(0.01, 0.00, 0.03, "assumed: questions that no longer find their passage")
    embed_weeks: Assumed = assumed(2.0, 2.0, 5.0, f"{_SOURCE}; high: with the re-embedding of the corpus")

    # -- F a small model on own GPUs
    small_share: Assumed = assumed(0.30, 0.10, 0.50, "assumed: classification and extraction among cheap calls")
    small_rate: Assumed = assumed(
        _LLAMA.tokens_per_s, _LLAMA.tokens_per_s * 0.8, _LLAMA_FP8.tokens_per_s,
        f"tokens/s in and out, {_LLAMA.conditions}: {_LLAMA.evidence.summary()}; high: fp8; low: assumed 20 % less",
    )  # fmt: skip
    small_utilisation: Assumed = assumed(0.5, 0.3, 0.7, "assumed: mean over peak load, and a spare")
    small_replicas: Assumed = _fixed(2.0, "one may fail")
    small_gpu_price: Assumed = assumed(6.88, 4.29, 10.55, "H100: AWS p5.48xlarge / 8, 2026-09-06; Lambda; GCP")
    small_ops: Assumed = assumed(3200.0, 800.0, 8000.0, "assumed: four engineer-days a month")
    small_quality_loss: Assumed = assumed(0.02, 0.00, 0.05, "assumed: tasks that an 8B model gets wrong")
    small_weeks: Assumed = assumed(2.0, 2.0, 6.0, f"{_SOURCE}; high: with an evaluation per task")

    hours: Assumed = _fixed(float(HOURS_PER_MONTH), "a month of 365/12 days")
    max_quality_loss: float = 0.05
    routes: Mapping[str, str] = field(default_factory=lambda: dict(_ROUTES))
    small_models: tuple[str, ...] = _SMALL
    by_feature: Mapping[str, Mapping[str, Assumed]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in figures():
            _check(name, getattr(self, name))
        if not 0 <= self.max_quality_loss <= 1:
            raise BillError(f"max_quality_loss: must lie in [0, 1], got {self.max_quality_loss!r}")
        for name, features in self.by_feature.items():
            if name not in BY_FEATURE:
                raise BillError(f"by_feature.{name}: only {', '.join(BY_FEATURE)} can differ by feature")
            for feature, one in features.items():
                _check(name, one, f"by_feature.{name}.{feature}")
        for model, cheaper in self.routes.items():
            if model == cheaper:
                raise BillError(f"routes.{model}: leads to itself")
        for left, right in (("exact_hit_rate", "semantic_hit_rate"), ("system_share", "example_share")):
            if getattr(self, left).high + getattr(self, right).high > 1:
                raise BillError(f"{left}, {right}: their high ends together pass 1; they are shares of one whole")

    def describe(self) -> list[dict[str, Any]]:
        """Name, value, range and reason of every figure, for a table."""
        return [{"name": name, **dataclasses.asdict(getattr(self, name))} for name in figures()]

    @classmethod
    def from_toml(cls, path: str | Path) -> PlanAssumptions:
        """Defaults, changed by a file.

        `route_share = 0.5` fixes a figure; `route_share = { value = 0.5, low = 0.4, high = 0.6, why = "our logs" }`
        gives its range. `[by_feature.route_share]` holds features, `[routes]` models.

        Raises:
            BillError: names the file, the field and the mend.
        """
        try:
            raw = tomllib.loads(Path(path).read_text("utf-8"))
        except OSError as error:
            raise BillError(f"{path}: cannot be read: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BillError(f"{path}: is not TOML: {error}") from None
        try:
            return cls.of(raw)
        except BillError as error:
            raise BillError(f"{path}: {error}") from None

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> PlanAssumptions:
        """From the contents of such a file. Raises BillError that names the field."""
        known = {one.name for one in dataclasses.fields(cls)}
        changes: dict[str, Any] = {}
        for name, value in raw.items():
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                raise BillError(f"{name}: no such assumption{f'; did you mean {near[0]}?' if near else ''}")
            if name in figures():
                changes[name] = _figure(name, value)
            elif name == "by_feature":
                changes[name] = {
                    key: {
                        feature: _figure(f"{name}.{key}.{feature}", one)
                        for feature, one in _map(f"{name}.{key}", inner)
                    }
                    for key, inner in _map(name, value)
                }
            elif name == "routes":
                changes[name] = {model: _text(f"{name}.{model}", to) for model, to in _map(name, value)}
            elif name == "small_models":
                if not isinstance(value, list):
                    raise BillError(f'{name}: must be a list of model names, such as ["gpt-4o-mini"]')
                changes[name] = tuple(_text(name, model) for model in value)
            else:
                changes[name] = _number(name, value)
        return cls(**changes)


# Shares of a request stream that features of one product have differently.
BY_FEATURE = ("route_share", "exact_hit_rate", "semantic_hit_rate", "batch_share", "small_share")


def figures() -> tuple[str, ...]:
    """Names of the fields that are figures with a range."""
    return tuple(one.name for one in dataclasses.fields(PlanAssumptions) if isinstance(one.default, Assumed))


def _check(name: str, one: Assumed, label: str = "") -> None:
    label = label or name
    if one.low < 0:
        raise BillError(f"{label}: must be 0 or more, got {one.low:g}")
    share = name.endswith(("_share", "_rate", "_loss", "_factor", "_utilisation")) and name not in (
        "embed_rate", "small_rate",
    )  # fmt: skip
    if share and one.high > 1:
        raise BillError(f"{label}: is a share from 0 to 1, got {one.high:g}; write 0.2 for 20 %")
    needed = name.endswith(("_weeks", "_utilisation", "_replicas")) or name in ("embed_rate", "small_rate", "hours")
    if needed and one.low <= 0:
        raise BillError(f"{label}: must be above 0, got {one.low:g}")


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BillError(f"{name}: must be a number, got {value!r}")
    return float(value)


def _figure(name: str, value: Any) -> Assumed:
    if not isinstance(value, Mapping):
        number = _number(name, value)
        return _named(name, number, number, number, "given, without a range")
    odd = sorted(set(value) - {"value", "low", "high", "why"})
    if odd or "value" not in value:
        raise BillError(f"{name}: needs value, and may have low, high and why{f', not {odd[0]}' if odd else ''}")
    middle = _number(f"{name}.value", value["value"])
    low, high = (_number(f"{name}.{end}", value.get(end, middle)) for end in ("low", "high"))
    return _named(name, middle, low, high, _text(f"{name}.why", value.get("why", "given")))


def _named(name: str, value: float, low: float, high: float, why: str) -> Assumed:
    try:
        return Assumed(value, low, high, why)
    except BillError as error:
        raise BillError(f"{name}: {error}") from None


def _map(name: str, value: Any) -> list[tuple[str, Any]]:
    if not isinstance(value, Mapping):
        raise BillError(f"{name}: must be a table, write [{name}]")
    return list(value.items())


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise BillError(f"{name}: must be a text, got {value!r}")
    return value
