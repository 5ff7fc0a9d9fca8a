"""Two thresholds, what lies between them goes to people: the trade of error rates against review.

Below `low` a post is approved, from `high` it is rejected, between them it is escalated. Both thresholds are chosen on
calibration rows; what is reported is held-out rows. An escalated post counts as no error: a person decides.
Shares of all posts are reweighted to a prevalence, since the made splits hold more violations than a platform does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reference.moderation.evaluation.rates import Claim, claim_rate, precision, rows_needed, upper_bound
from reference.moderation.types import ModerationError


@dataclass(frozen=True)
class Band:
    """Escalate where low <= score < high."""

    low: float
    high: float


@dataclass(frozen=True)
class Outcome:
    """A band on rows that it was not chosen on.

    Attributes:
        fpr, fnr: wrongly rejected among allowed posts; wrongly approved among violating ones.
        fpr_upper, fnr_upper: their one-sided exact 95 % bounds.
        escalated: share of all posts at `prevalence` that go to people.
        precision: share of the rejected posts that violate, at `prevalence`.
    """

    band: Band
    clean: int
    bad: int
    wrongly_rejected: int
    wrongly_approved: int
    fpr: float
    fpr_upper: float
    fnr: float
    fnr_upper: float
    escalated: float
    prevalence: float
    precision: float


def _checked(scores: Any, violating: Any) -> tuple[Any, Any]:
    import numpy as np

    scores, violating = np.asarray(scores, dtype=float), np.asarray(violating, dtype=bool)
    if scores.shape != violating.shape or scores.ndim != 1:
        raise ModerationError(f"{scores.shape} scores for {violating.shape} labels: one for each is needed")
    if not np.isfinite(scores).all():
        raise ModerationError("a score is not a number; leave such posts to people")
    if not violating.any() or violating.all():
        raise ModerationError("rows of both kinds are needed: allowed and violating posts")
    return scores, violating


def choose_band(scores: Any, violating: Any, most_fpr: float, most_fnr: float) -> Band:
    """The narrowest band whose error rates on these (calibration) rows are at most the given ones."""
    import numpy as np

    scores, violating = _checked(scores, violating)
    for name, value in (("most_fpr", most_fpr), ("most_fnr", most_fnr)):
        if not 0 <= value <= 1:
            raise ModerationError(f"{name}={value}: a share between 0 and 1")
    clean, bad = np.sort(scores[~violating])[::-1], np.sort(scores[violating])
    rejected, approved = int(most_fpr * len(clean) + 1e-9), int(most_fnr * len(bad) + 1e-9)
    # Just above the highest allowed post that must not be rejected; at the lowest violating one not to be missed.
    high = float(np.nextafter(clean[rejected], np.inf)) if rejected < len(clean) else float(clean[-1])
    low = float(bad[approved]) if approved < len(bad) else float(np.nextafter(bad[-1], np.inf))
    return Band(min(low, high), high)


def outcome(scores: Any, violating: Any, band: Band, prevalence: float = 0.02) -> Outcome:
    """What `band` does on held-out rows."""
    scores, violating = _checked(scores, violating)
    clean, bad = scores[~violating], scores[violating]
    rejected, approved = int((clean >= band.high).sum()), int((bad < band.low).sum())
    between_clean = float(((clean >= band.low) & (clean < band.high)).mean())
    between_bad = float(((bad >= band.low) & (bad < band.high)).mean())
    fpr, recall = rejected / len(clean), float((bad >= band.high).mean())
    return Outcome(
        band,
        len(clean),
        len(bad),
        rejected,
        approved,
        fpr,
        upper_bound(rejected, len(clean)),
        approved / len(bad),
        upper_bound(approved, len(bad)),
        prevalence * between_bad + (1 - prevalence) * between_clean,
        prevalence,
        precision(fpr, recall, prevalence),
    )


DEFAULT_TARGETS = tuple((fpr, fnr) for fpr in (0.0, 0.001, 0.005, 0.02, 0.05) for fnr in (0.0, 0.01, 0.05, 0.1, 0.3))


def curve(
    calibration: tuple[Any, Any],
    held_out: tuple[Any, Any],
    targets: Sequence[tuple[float, float]] = DEFAULT_TARGETS,
    prevalence: float = 0.02,
) -> list[Outcome]:
    """For every (FPR, FNR) aimed at on calibration what comes out on held-out; each side is (scores, violating)."""
    return [outcome(*held_out, choose_band(*calibration, fpr, fnr), prevalence) for fpr, fnr in targets]


def by_group(
    scores: Any, violating: Any, groups: Sequence[str], band: Band, prevalence: float = 0.02
) -> dict[str, dict[str, float]]:
    """Per group (language, functionality, kind of evasion): rows, error rates with bounds, share escalated.

    A rate of which a group has no rows is left out, not zero.
    """
    import numpy as np

    scores, violating = np.asarray(scores, dtype=float), np.asarray(violating, dtype=bool)
    names = np.asarray(groups)
    found = {}
    for name in sorted(set(groups)):
        here = names == name
        clean, bad = scores[here & ~violating], scores[here & violating]
        row: dict[str, float] = {"clean": len(clean), "bad": len(bad)}
        row["escalated"] = float(((scores[here] >= band.low) & (scores[here] < band.high)).mean())
        if len(clean):
            wrong = int((clean >= band.high).sum())
            row |= {"fpr": wrong / len(clean), "fpr_upper": upper_bound(wrong, len(clean))}
        if len(bad):
            wrong = int((bad < band.low).sum())
            row |= {"fnr": wrong / len(bad), "fnr_upper": upper_bound(wrong, len(bad))}
        found[name] = row
    return found


@dataclass(frozen=True)
class Feasibility:
    """Whether targets of error rates and of review can be met together.

    Attributes:
        met: all of them, shown with 95 % bounds on held-out rows at or below the review share.
        fpr, fnr: each claim with its verdict and the rows that it needs, for the band that aims at both rates.
        share_needed: escalated share of that band: what it takes to aim at both error rates.
        within_share: the best that the review share allows: the band with the least sum of excesses over the targets.
        clean_needed, bad_needed: rows to show the targets if no error is made.
    """

    met: bool
    fpr: Claim
    fnr: Claim
    review_share: float
    share_needed: float
    within_share: Outcome | None
    clean_needed: int
    bad_needed: int


def feasible(
    calibration: tuple[Any, Any],
    held_out: tuple[Any, Any],
    most_fpr: float = 0.001,
    most_fnr: float = 0.01,
    review_share: float = 0.02,
    prevalence: float = 0.02,
) -> Feasibility:
    """Which of the targets hold together; each side is (scores, violating)."""
    aimed = outcome(*held_out, choose_band(*calibration, most_fpr, most_fnr), prevalence)
    fpr = claim_rate("<", most_fpr, aimed.wrongly_rejected, aimed.clean)
    fnr = claim_rate("<", most_fnr, aimed.wrongly_approved, aimed.bad)
    steps = (0.0, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
    best: Outcome | None = None
    for one in (choose_band(*calibration, a, b) for a in steps for b in steps):
        if outcome(*calibration, one, prevalence).escalated > review_share:
            continue  # chosen on calibration, like everything else
        found = outcome(*calibration, one, prevalence)
        if best is None or _excess(found, most_fpr, most_fnr) < _excess(best, most_fpr, most_fnr):
            best = found
    shown = fpr.verdict == fnr.verdict == "shown"
    return Feasibility(
        shown and aimed.escalated <= review_share,
        fpr,
        fnr,
        review_share,
        aimed.escalated,
        outcome(*held_out, best.band, prevalence) if best else None,
        rows_needed(most_fpr),
        rows_needed(most_fnr),
    )


def _excess(found: Outcome, most_fpr: float, most_fnr: float) -> float:
    return max(0.0, found.fpr / most_fpr - 1) + max(0.0, found.fnr / most_fnr - 1)


def cost_per_million(shares: Mapping[str, float], per_post: Mapping[str, float]) -> dict[str, float]:
    """Money per million posts and stage, and "total": `shares` of all posts that reach a stage, money per post there.

    ModerationError where the stages differ, a share is not one, or a cost is negative.
    """
    if set(shares) != set(per_post):
        raise ModerationError(f"stages differ: {', '.join(sorted(set(shares) ^ set(per_post)))} in one list only")
    for name in shares:
        if not 0 <= shares[name] <= 1 or per_post[name] < 0:
            raise ModerationError(
                f"{name}: share {shares[name]}, cost {per_post[name]}: a share and a cost >= 0 wanted"
            )
    found = {name: 1e6 * shares[name] * per_post[name] for name in shares}
    return found | {"total": sum(found.values())}
