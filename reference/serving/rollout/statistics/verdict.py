"""What the checks of one look say together; the controller and the simulation both decide by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reference.serving.rollout.types import CheckResult, CheckState, Policy

SAMPLE_RATIO = "sample ratio"
# The checks that must be shown safe before the share grows; feedback and goals are too rare to demand it of them.
REQUIRED = ("error rate", "latency")


@dataclass(frozen=True)
class Verdict:
    """harm: checks that show harm; mismatch: the split itself is wrong; safe: every required check excludes its limit.

    waiting: required checks that do not yet; silent: required checks without any outcome.
    """

    harm: tuple[str, ...]
    mismatch: bool
    safe: bool
    waiting: tuple[str, ...]
    silent: tuple[str, ...]


def verdict(policy: Policy, checks: Sequence[CheckResult]) -> Verdict:
    """Put the results of one look together. No checks at all counts as silence, never as safety."""
    harm = tuple(c.check for c in checks if c.state is CheckState.HARM and c.check != SAMPLE_RATIO)
    mismatch = any(c.state is CheckState.HARM for c in checks if c.check == SAMPLE_RATIO)
    required = [c for c in checks if c.check.startswith(REQUIRED)]
    waiting = tuple(c.check for c in required if c.state is not CheckState.SAFE)
    silent = tuple(c.check for c in required if c.state is CheckState.NO_DATA)
    shown = not waiting or (not policy.require_safe and not silent)
    return Verdict(harm, mismatch, bool(required) and shown and not harm and not mismatch, waiting, silent)
