"""Latency and cost beside production, from the same run."""

from __future__ import annotations

from reference.serving.rollout.gates.evidence import Evidence, too_few
from reference.serving.rollout.gates.limits import GateLimits
from reference.serving.rollout.types import GateResult, GateVerdict, ModelVersion, RolloutError

RESAMPLES = 2000


def ratio_interval(mine: list[float], theirs: list[float], quantile: float = 0.95) -> tuple[float, float, float]:
    """(ratio, low, high) of a quantile of two samples; 95 % percentile bootstrap with a fixed seed."""
    import numpy as np

    rng = np.random.default_rng(2026)
    a, b = np.asarray(mine), np.asarray(theirs)
    drawn_a = np.quantile(rng.choice(a, (RESAMPLES, len(a))), quantile, axis=1)
    drawn_b = np.quantile(rng.choice(b, (RESAMPLES, len(b))), quantile, axis=1)
    low, high = np.quantile(drawn_a / drawn_b, (0.025, 0.975))
    return float(np.quantile(a, quantile) / np.quantile(b, quantile)), float(low), float(high)


def quantile_interval(values: list[float], quantile: float = 0.95) -> tuple[float, float, float]:
    """(quantile, low, high): a 95 % interval from order statistics, which needs no distribution (David, Nagaraja)."""
    from scipy.stats import binom

    ordered = sorted(values)
    n = len(ordered)
    low = max(0, int(binom.ppf(0.025, n, quantile)) - 1)
    high = min(n - 1, int(binom.ppf(0.975, n, quantile)))
    return ordered[min(n - 1, int(quantile * n))], ordered[low], ordered[high]


class LatencyGate:
    """`latency p95`: the ratio to production, or seconds where there is none."""

    name = "latency p95"

    def __init__(self, limits: GateLimits, evidence: Evidence) -> None:
        self.limits, self.evidence = limits, evidence

    def check(self, candidate: ModelVersion, production: ModelVersion | None = None) -> GateResult:
        mine = [one.latency_s for one in self.evidence.candidate if one.latency_s is not None]
        theirs = [one.latency_s for one in self.evidence.production if one.latency_s is not None]
        if len(mine) < self.limits.least_cases:
            return too_few(self.name, len(mine), self.limits.least_cases, "answers")
        own = quantile_interval(mine)
        evidence: dict[str, object] = {"p95_s": own[0], "p50_s": sorted(mine)[len(mine) // 2]}
        if production is not None and len(theirs) >= self.limits.least_cases:
            value, low, high = ratio_interval(mine, theirs)
            limit, unit = self.limits.latency_ratio_most, "ratio to production"
            evidence |= {"production_p95_s": quantile_interval(theirs)[0]}
        else:
            (value, low, high), limit, unit = own, self.limits.latency_most_s, "s"
        if high <= limit:
            verdict, reason = GateVerdict.PASS, f"at most {high:.2f}"
        elif low > limit:
            verdict, reason = GateVerdict.FAIL, f"at least {low:.2f}, limit {limit:g}"
        else:
            verdict, reason = GateVerdict.NOT_ENOUGH_DATA, f"{low:.2f} to {high:.2f} holds the limit {limit:g}"
        return GateResult(self.name, verdict, reason, value, low, high, limit, unit, len(mine), evidence)


class CostGate:
    """`cost per request`: tokens at list prices, paired by case with production.

    Raises RolloutError if the price list does not know limits.priced_as.
    """

    name = "cost per request"

    def __init__(self, limits: GateLimits, evidence: Evidence) -> None:
        from reference.sizing.cost import token_price

        self.limits, self.evidence = limits, evidence
        try:
            self._price = token_price(limits.priced_as)
        except LookupError as error:
            raise RolloutError(f"priced_as: no list price for {limits.priced_as!r} ({error})") from None
        self._in, self._out = self._price.input.m_as("USD/token"), self._price.output.m_as("USD/token")

    def _usd(self, prompt_tokens: int, completion_tokens: int) -> float:
        return float(prompt_tokens * self._in + completion_tokens * self._out)

    def check(self, candidate: ModelVersion, production: ModelVersion | None = None) -> GateResult:
        import numpy as np

        rows, others = self.evidence.candidate, self.evidence.production
        if production is None or not others:
            return GateResult(self.name, GateVerdict.NOT_ENOUGH_DATA, "there is no production version to compare with")
        pairs = [
            (self._usd(a.prompt_tokens, a.completion_tokens), self._usd(b.prompt_tokens, b.completion_tokens))
            for a, b in zip(rows, others, strict=True)
            if not a.error and not b.error
        ]
        if len(pairs) < self.limits.least_cases:
            return too_few(self.name, len(pairs), self.limits.least_cases, "paired answers")
        mine, theirs = np.array(pairs).T
        rng = np.random.default_rng(2026)
        drawn = rng.integers(0, len(pairs), (RESAMPLES, len(pairs)))
        low, high = np.quantile(mine[drawn].mean(axis=1) / theirs[drawn].mean(axis=1), (0.025, 0.975))
        value, limit = float(mine.mean() / theirs.mean()), self.limits.cost_ratio_most
        if high <= limit:
            verdict, reason = GateVerdict.PASS, f"{value:.2f} times production's"
        elif low > limit:
            verdict, reason = GateVerdict.FAIL, f"at least {low:.2f} times production's, limit {limit:g}"
        else:
            verdict, reason = GateVerdict.NOT_ENOUGH_DATA, f"{low:.2f} to {high:.2f} holds the limit {limit:g}"
        evidence: dict[str, object] = {
            "usd_per_1000": 1000 * float(mine.mean()),
            "production_usd_per_1000": 1000 * float(theirs.mean()),
            "prices": f"{self.limits.priced_as}: {self._price.evidence.source}, {self._price.evidence.date}",
        }
        return GateResult(
            self.name, verdict, reason, value, float(low), float(high), limit, "ratio to production", len(pairs),
            evidence,
        )  # fmt: skip
