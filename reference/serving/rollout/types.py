"""What the parts of a rollout pass to each other; every one is frozen and turns into plain JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

BASELINE = "baseline"
CANDIDATE = "candidate"


class RolloutError(ValueError):
    """Bad input or a state that forbids the step: the message names the field or the version, and the mend."""


@dataclass(frozen=True)
class ModelVersion:
    """One deployable version of a model.

    Attributes:
        name: registered model, e.g. "intent-router"; version: e.g. "v1.1"; digest: sha256 of the weights file, hex.
        served_as: name under which the engine serves it, "" for the base model.
        metrics: of its evaluation; parameters and lineage (data hash, base model, code) as text.
    """

    name: str
    version: str
    digest: str
    path: str
    served_as: str = ""
    metrics: dict[str, float] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    lineage: dict[str, str] = field(default_factory=dict)


class GateVerdict(StrEnum):
    PASS = "pass"
    FAIL = "fail"
    NOT_ENOUGH_DATA = "not enough data"


@dataclass(frozen=True)
class GateResult:
    """What one gate says. `value` is None if nothing could be measured; `low`..`high`: its 95 % interval.

    `limit` is the threshold compared with, in `unit`; `evidence` holds counts, examples and file names.
    """

    gate: str
    verdict: GateVerdict
    reason: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    limit: float | None = None
    unit: str = ""
    n: int = 0
    evidence: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """One served request as the statistics see it.

    Attributes:
        arm: BASELINE or CANDIDATE; user: the pseudonym the router hashed; at: seconds since the epoch.
        error: the request failed (status 5xx, time-out or an answer outside the contract).
        latency_s: None for a failed request; feedback: thumbs up 1, down 0, none given None.
        business: 1 = the goal was met, 0 = it was not, None = not known (yet).
    """

    arm: str
    user: str
    at: float
    error: bool = False
    latency_s: float | None = None
    feedback: int | None = None
    business: int | None = None


class CheckState(StrEnum):
    """What a check knows so far: harm is shown, harmlessness is shown, or neither yet."""

    HARM = "harm"
    SAFE = "safe"
    UNDECIDED = "undecided"
    NO_DATA = "no data"


@dataclass(frozen=True)
class CheckResult:
    """One monitored metric at one look.

    `p_value`: anytime-valid p of "the candidate is not worse"; small means harm. `effect` is candidate minus baseline,
    or the ratio for latency, with its always-valid interval `low`..`high`; n of each arm.
    """

    check: str
    state: CheckState
    reason: str
    p_value: float | None = None
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    n_baseline: int = 0
    n_candidate: int = 0


class Decision(StrEnum):
    PROMOTE = "promote"  # to the next share
    HOLD = "hold"
    ROLL_BACK = "roll back"
    PAUSE = "pause"  # a dependency is missing: nothing moves until it is back
    FINISH = "finish"  # 100 % and baked: the candidate becomes production


@dataclass(frozen=True)
class Policy:
    """The one object that a rollout is run from, simulated from and exported from.

    Attributes:
        steps: shares of users on the candidate, rising, the last 1.0; bake_s: least seconds at each step (same length).
        patience: a step that is not shown safe within so many times its bake time waits for a person.
        least_requests: least candidate requests at a step before it may be left upwards.
        latency_ratio_limit: candidate over baseline, 1.10 = at most +10 %; latency_quantile: what is compared.
        error_ratio_limit: odds of failure, candidate over baseline, that must be excluded before the share grows.
        require_safe: the share grows only once latency and errors are shown to lie below their limits.
        error_increase_limit: tolerated absolute rise of the error rate.
        feedback_drop_limit, business_drop_limit: tolerated absolute falls.
        alpha: chance that a harmless release is rolled back, over the whole rollout and every check and look.
        silence_s: with no outcome of an arm for so long, the rollout pauses (never promotes).
        lease_s: how long a controller owns the rollout without renewing.
        drain_s: a version that lost stays loaded so long, for requests under way and routers that read the state late.
    """

    steps: tuple[float, ...] = (0.05, 0.25, 0.50, 1.0)
    bake_s: tuple[float, ...] = (86_400.0, 21_600.0, 21_600.0, 21_600.0)
    patience: float = 7.0
    least_requests: int = 500
    latency_ratio_limit: float = 1.10
    latency_quantile: float = 0.95
    error_ratio_limit: float = 2.0
    require_safe: bool = True
    error_increase_limit: float = 0.0
    feedback_drop_limit: float = 0.0
    business_drop_limit: float = 0.0
    alpha: float = 0.05
    silence_s: float = 600.0
    lease_s: float = 30.0
    drain_s: float = 5.0

    def __post_init__(self) -> None:
        """Raise RolloutError naming the field: shares that do not rise to 1, times below 0, levels outside (0, 1)."""
        if (
            not self.steps
            or any(b <= a for a, b in zip((0.0, *self.steps), self.steps, strict=False))
            or self.steps[-1] != 1.0
        ):
            raise RolloutError(f"steps: shares must rise from above 0 to 1.0, got {self.steps}")
        if len(self.bake_s) != len(self.steps) or any(not seconds >= 0 for seconds in self.bake_s):
            raise RolloutError(f"bake_s: one time of at least 0 s per step ({len(self.steps)}), got {self.bake_s}")
        if self.least_requests < 1:
            raise RolloutError(f"least_requests: must be at least 1, got {self.least_requests}")
        for name, low, high in (("alpha", 0.0, 1.0), ("latency_quantile", 0.0, 1.0)):
            if not low < getattr(self, name) < high:
                raise RolloutError(f"{name}: must lie between {low} and {high}, got {getattr(self, name)}")
        if not self.patience >= 1.0:
            raise RolloutError(f"patience: must be at least 1 bake time, got {self.patience}")
        if not self.latency_ratio_limit > 1.0:
            raise RolloutError(f"latency_ratio_limit: must be above 1.0 (1.10 = +10 %), got {self.latency_ratio_limit}")
        if not self.error_ratio_limit > 1.0:
            raise RolloutError(f"error_ratio_limit: must be above 1.0 (2 = doubled), got {self.error_ratio_limit}")
        for name in ("error_increase_limit", "feedback_drop_limit", "business_drop_limit"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise RolloutError(f"{name}: must be at least 0 and below 1, got {getattr(self, name)}")
        if not self.drain_s >= 0:
            raise RolloutError(f"drain_s: must be at least 0 s, got {self.drain_s}")
        for name in ("silence_s", "lease_s"):
            if not getattr(self, name) > 0:
                raise RolloutError(f"{name}: must be above 0 s, got {getattr(self, name)}")


class Phase(StrEnum):
    """Where a rollout is; the last three are final."""

    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    ROLLED_BACK = "rolled back"
    ABORTED = "aborted"


@dataclass(frozen=True)
class RolloutState:
    """The persisted state: read by routers at every request, written by the one controller that holds the lease.

    `generation` rises by one with every write; `step` is the index into policy.steps; `share`: what routers serve.
    `pending`: work that follows from the state ("canary", "aliases", "back", "unload"), tried until it is done;
    `paused_by`: the cause of a pause (those of control.decide.PASSING end by themselves, all others need a person);
    `paused_at`: its start.
    """

    rollout_id: str
    model: str
    baseline: str
    candidate: str
    phase: Phase
    step: int
    share: float
    step_started_at: float
    generation: int
    reason: str = ""
    pending: str = ""
    paused_by: str = ""
    paused_at: float = 0.0

    @property
    def over(self) -> bool:
        """Whether the rollout has ended, one way or another."""
        return self.phase in (Phase.FINISHED, Phase.ROLLED_BACK, Phase.ABORTED)
