"""How many users an A/B test needs, and what a canary of a given share and length can and cannot detect.

Fixed-size tests, planned before they start: two proportions by the arcsine transformation (Cohen 1988, chapter 6,
which statsmodels' NormalIndPower uses too), latencies by the z-test on mean logs. A canary that is looked at all the
time needs more, see `peeking_factor`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

ALPHA, POWER = 0.05, 0.80


def _z(p: float) -> float:
    from statistics import NormalDist

    return NormalDist().inv_cdf(p)


def _check(rate: float, share: float, alpha: float, power: float) -> None:
    for name, value in (("rate", rate), ("share", share), ("alpha", alpha), ("power", power)):
        if not 0 < value < 1:
            raise ValueError(f"{name}: must lie between 0 and 1, got {value}")


def users_for_rate(
    rate: float, changed: float, share: float = 0.5, alpha: float = ALPHA, power: float = POWER, sides: int = 2
) -> int:
    """Users in all, both arms, to find a change of a proportion from `rate` to `changed` with `share` in the treatment.

    Raises ValueError for rates outside (0, 1), and for no change, which nothing can find.
    """
    _check(rate, share, alpha, power)
    if not 0 < changed < 1 or changed == rate:
        raise ValueError(f"changed: must lie between 0 and 1 and differ from rate {rate}, got {changed}")
    effect = 2 * (math.asin(math.sqrt(changed)) - math.asin(math.sqrt(rate)))
    return math.ceil((_z(1 - alpha / sides) + _z(power)) ** 2 / (effect**2 * share * (1 - share)))


def users_for_latency(
    ratio: float, log_sd: float, share: float = 0.5, alpha: float = ALPHA, power: float = POWER, sides: int = 2
) -> int:
    """Users in all to find a ratio of geometric mean latencies; log_sd: of log seconds, between users."""
    _check(0.5, share, alpha, power)
    if not ratio > 0 or ratio == 1:
        raise ValueError(f"ratio: must be above 0 and not 1, got {ratio}")
    if not log_sd > 0:
        raise ValueError(f"log_sd: must be above 0, got {log_sd}")
    return math.ceil(((_z(1 - alpha / sides) + _z(power)) * log_sd / math.log(ratio)) ** 2 / (share * (1 - share)))


def detectable_rate(
    rate: float, users: float, share: float, alpha: float = ALPHA, power: float = POWER, sides: int = 2
) -> float | None:
    """The smallest higher rate that `users` in all find; None if not even a rate of 1 would be found."""
    _check(rate, share, alpha, power)
    if users <= 0:
        return None
    effect = (_z(1 - alpha / sides) + _z(power)) / math.sqrt(users * share * (1 - share))
    angle = math.asin(math.sqrt(rate)) + effect / 2
    return math.sin(angle) ** 2 if angle < math.pi / 2 else None


def detectable_latency(
    log_sd: float, users: float, share: float, alpha: float = ALPHA, power: float = POWER, sides: int = 2
) -> float | None:
    """The smallest ratio of geometric means above 1 that `users` in all find; None without users."""
    _check(0.5, share, alpha, power)
    if users <= 0:
        return None
    return math.exp((_z(1 - alpha / sides) + _z(power)) * log_sd / math.sqrt(users * share * (1 - share)))


@dataclass(frozen=True)
class Detectable:
    """One row of the table: what a canary of `share` for `hours` finds with the power asked for.

    error_rate, goal_rate: the smallest error rate and the largest goal rate told from the baseline's (None: none);
    latency_ratio likewise; doubled_errors, ten_percent_latency: whether those two are found.
    """

    users_per_day: float
    share: float
    hours: float
    candidate_users: float
    error_rate: float | None
    latency_ratio: float | None
    goal_rate: float | None
    doubled_errors: bool
    ten_percent_latency: bool


def detectable(
    users_per_day: float,
    share: float = 0.05,
    hours: float = 24.0,
    error_rate: float = 0.01,
    goal_rate: float = 0.10,
    log_sd: float = 0.6,
    power: float = POWER,
) -> Detectable:
    """What can be detected at a traffic of distinct users per day (one-sided level 5 %); zero users: nothing."""
    if users_per_day < 0 or not math.isfinite(users_per_day):
        raise ValueError(f"users_per_day: must be at least 0, got {users_per_day}")
    if not hours > 0:
        raise ValueError(f"hours: must be above 0, got {hours}")
    users = users_per_day * hours / 24
    worse = detectable_rate(error_rate, users, share, ALPHA, power, 1)
    ratio = detectable_latency(log_sd, users, share, ALPHA, power, 1)
    missed = detectable_rate(1 - goal_rate, users, share, ALPHA, power, 1)
    return Detectable(
        users_per_day,
        share,
        hours,
        users * share,
        worse,
        ratio,
        None if missed is None else 1 - missed,
        worse is not None and worse <= 2 * error_rate,
        ratio is not None and ratio <= 1.10,
    )


def peeking_factor(alpha: float = ALPHA, power: float = POWER, looks_scale: float = 1.0) -> float:
    """Users that an always-valid normal mixture test needs over those of the fixed one-sided test.

    Solves for the information at which the log e-value (half-normal mixture, scale = effect x `looks_scale`) of an
    observed effect one `power` quantile below the true one reaches 1/alpha.
    """
    _check(0.5, 0.5, alpha, power)
    fixed = (_z(1 - alpha) + _z(power)) ** 2
    low, high = 1e-3, 1e6
    for _ in range(200):
        # In units where the effect is 1: variance 1 / information, scale = looks_scale.
        information = math.sqrt(low * high)
        tau, variance = looks_scale**2, 1 / information
        observed = 1 - _z(power) / math.sqrt(information)
        reached = -math.inf
        if observed > 0:
            reached = (
                math.log(2)
                + 0.5 * math.log(variance / (variance + tau))
                + tau * observed**2 / (2 * variance * (variance + tau))
            )
        if reached >= math.log(1 / alpha):
            high = information
        else:
            low = information
    return high / fixed


def cases_to_exclude(rate: float, hits: int = 0, alpha: float = ALPHA) -> int:
    """Test cases with `hits` bad ones among them that show the true rate to be below `rate` (exact, one-sided).

    With no hit this is log(alpha) / log(1 - rate), the rule of three for small rates.
    """
    from scipy.stats import binom

    _check(rate, 0.5, alpha, 0.5)
    if hits < 0:
        raise ValueError(f"hits: must be at least 0, got {hits}")
    low, high = hits, max(hits + 1, math.ceil(math.log(alpha) / math.log1p(-rate)))
    while binom.cdf(hits, high, rate) > alpha:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if binom.cdf(hits, middle, rate) <= alpha else (middle, high)
    return high


def paired_detectable(cases: int, discordant: float, alpha: float = ALPHA, power: float = POWER) -> float:
    """Smallest drop of accuracy that a paired test of `cases` finds when a share `discordant` of them changes sides.

    McNemar by its normal approximation (Miettinen 1968): (b - c) / sqrt(b + c), with b + c = discordant x cases.
    """
    _check(discordant, 0.5, alpha, power)
    if cases < 1:
        raise ValueError(f"cases: must be at least 1, got {cases}")
    return min(discordant, (_z(1 - alpha) + _z(power)) * math.sqrt(discordant / cases))


def quantile_half_width(cases: int, log_sd: float, quantile: float = 0.95, alpha: float = ALPHA) -> float:
    """Relative half-width of the interval of a latency quantile from `cases` lognormal latencies (asymptotic)."""
    from statistics import NormalDist

    _check(quantile, 0.5, alpha, 0.5)
    if cases < 1:
        raise ValueError(f"cases: must be at least 1, got {cases}")
    density = NormalDist().pdf(_z(quantile))
    return math.expm1(_z(1 - alpha / 2) * log_sd * math.sqrt(quantile * (1 - quantile) / cases) / density)
