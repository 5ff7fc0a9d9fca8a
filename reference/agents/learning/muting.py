"""When a rule falls silent in a repository: too few of its comments led to anything. Pure; times are the caller's."""

from __future__ import annotations

from collections.abc import Hashable

from reference.agents.types import ReviewError

DECIDED = 10  # outcomes at least, before a rule is judged
SHARE = 0.15  # expected acceptance below which it falls silent
RETRY_S = 90 * 24 * 3600.0  # seconds until a silent rule is tried again
TRIAL = 5  # findings posted in such a trial; one of them acted on brings the rule back


def posterior_mean(accepted: int, decided: int) -> float:
    """Expected acceptance after so many outcomes, from a uniform prior: the mean of Beta(1 + accepted, 1 + others).

    Raises:
        ReviewError: not 0 <= accepted <= decided.
    """
    if not 0 <= accepted <= decided:
        raise ReviewError(f"accepted: from 0 to decided ({decided}), got {accepted}")
    return (accepted + 1) / (decided + 2)


def is_unwanted(accepted: int, decided: int) -> bool:
    """Whether a rule with these outcomes falls silent."""
    return posterior_mean(accepted, decided) < SHARE and decided >= DECIDED


def muted_ever(p: float, looks: int) -> float:
    """Probability that a rule whose comments are accepted with probability `p` is muted by the `looks`-th outcome.

    The rule is judged after every outcome, so one binomial tail would be too small. Exact: the distribution of the
    accepted count is carried from outcome to outcome, and what is muted leaves it for good.

    Raises:
        ReviewError: p is no probability, or looks is negative.
    """
    if not 0 <= p <= 1:
        raise ReviewError(f"p: a probability, got {p!r}")
    if looks < 0:
        raise ReviewError(f"looks: 0 outcomes or more, got {looks}")
    weights = [1.0]  # weights[a]: not muted so far, with a accepted
    muted = 0.0
    for decided in range(1, looks + 1):
        grown = [0.0] * (decided + 1)
        for accepted, weight in enumerate(weights):
            grown[accepted] += weight * (1 - p)
            grown[accepted + 1] += weight * p
        for accepted, weight in enumerate(grown):
            if is_unwanted(accepted, decided):
                muted += weight
                grown[accepted] = 0.0
        weights = grown
    return min(1.0, muted)


class Standing:
    """One rule in one repository: open, muted, or on trial after RETRY_S. Fed with events in order of their time.

    A rule that is tried again is judged by the trial alone: what people thought of it a season ago would outvote any
    five findings. Outcomes of older findings that arrive while it is muted change nothing.
    """

    def __init__(self) -> None:
        self.accepted = 0
        self.decided = 0
        self._since: float | None = None
        self._trial: dict[Hashable, bool | None] = {}  # finding -> outcome, of the trial that runs or ran last

    def muted_until(self, now: float) -> float | None:
        """When the rule is tried again; None if it may be posted now."""
        if self._since is None or now >= self._since + RETRY_S:
            return None
        return self._since + RETRY_S

    def posted(self, finding: Hashable, at: float) -> None:
        if self._since is None:
            return
        if at >= self._since + RETRY_S:
            if len(self._trial) >= TRIAL:  # the trial before this pause led to nothing
                self._trial = {}
            self._trial[finding] = None
            if len(self._trial) == TRIAL:
                self._since = at
        elif self._trial:
            self._trial[finding] = None  # of the same review as the trial's last

    def outcome(self, finding: Hashable, accepted: bool, at: float) -> None:
        if self._since is None:
            self.decided += 1
            self.accepted += accepted
            if is_unwanted(self.accepted, self.decided):
                self._since, self._trial = at, {}
        elif finding in self._trial:
            self._trial[finding] = accepted
            if accepted:
                known = [one for one in self._trial.values() if one is not None]
                self._since, self.accepted, self.decided = None, sum(known), len(known)
                self._trial = {}
