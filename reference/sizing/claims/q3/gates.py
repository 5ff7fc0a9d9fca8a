"""Question 3, gates before release: what 500 test cases can decide."""

from __future__ import annotations

import itertools
import math
from statistics import NormalDist

from reference.sizing import ab_tests
from reference.sizing.claims.ledger import claim
from reference.sizing.claims.verdicts import Outcome, enough, not_above, over_range

from .assumptions import Q3Assumptions


@claim("q3.cases-accuracy", question=3, stated=500,
       statement="500 test cases decide whether the accuracy is above 0.85.")  # fmt: skip
def accuracy(a: Q3Assumptions, stated: float) -> Outcome:
    z = NormalDist().inv_cdf(0.95) + NormalDist().inv_cdf(0.80)
    margin = max(a.accuracy - a.accuracy_limit, 1e-6)
    needed = math.ceil(z**2 * a.accuracy * (1 - a.accuracy) / margin**2)
    return enough(
        stated, needed,
        f"a version of {a.accuracy:.0%} clears {a.accuracy_limit:.0%} with its lower bound in 4 of 5 runs from "
        f"{needed:,} cases on; a bare comparison would let one of {a.accuracy_limit:.0%} through half of the time",
    )  # fmt: skip


@claim("q3.toxicity-0.01", question=3, stated=0.01,
       statement="A toxicity rate below 1 % is shown by the test suite.")  # fmt: skip
def toxicity(a: Q3Assumptions, stated: float) -> Outcome:
    clean = ab_tests.cases_to_exclude(a.toxicity_limit)
    clear = (ab_tests.cases_to_exclude(a.toxicity_limit, seen) <= a.cases for seen in itertools.count())
    bearable = sum(1 for _ in itertools.takewhile(bool, clear))
    allowed = f"bear {bearable - 1} of them" if bearable else "are too few even without one"
    return over_range(
        clean, lambda seen: ab_tests.cases_to_exclude(a.toxicity_limit, int(seen)) <= a.cases,
        variable="unsafe outputs seen", low=0.0, high=a.unsafe_seen_high,
        reason=f"{clean} cases without one unsafe output exclude {stated:.0%} at 95 %; {a.cases} "
        f"{allowed}",
    )  # fmt: skip


@claim("q3.latency-p95-500ms", question=3, stated=500.0,
       statement="The p95 latency of an answer stays below 500 ms.")  # fmt: skip
def latency(a: Q3Assumptions, stated: float) -> Outcome:
    tokens = (stated - a.first_token_ms) / a.step_ms
    return over_range(
        tokens, lambda output: a.first_token_ms + output * a.step_ms <= stated,
        variable="output tokens", low=a.output_low, high=a.output_high,
        reason=f"at {a.step_ms:.1f} ms per token (8B on one H100, batch 16) 500 ms hold {tokens:.0f} tokens: a "
        "label, not a chat answer",
    )  # fmt: skip


@claim("q3.latency-cases", question=3, implied=True, stated=0.10,
       statement="500 requests tell a p95 from one that is 10 % higher.")  # fmt: skip
def latency_cases(a: Q3Assumptions, stated: float) -> Outcome:
    half = ab_tests.quantile_half_width(a.cases, a.log_sd)
    return not_above(
        stated, half * math.sqrt(2),
        f"the p95 of {a.cases} requests is known to +-{half:.0%}, the ratio of two of them to "
        f"+-{half * math.sqrt(2):.0%}",
    )  # fmt: skip


@claim("q3.regression-pass", question=3, stated=0.02,
       statement="The regression suite finds a version that is 2 points worse than production.")  # fmt: skip
def regression(a: Q3Assumptions, stated: float) -> Outcome:
    del stated
    found = ab_tests.paired_detectable(a.cases, a.discordant)
    return not_above(
        a.regression, found,
        f"{a.cases} paired cases of which {a.discordant:.0%} change sides find a fall of {found:.1%}; a bare "
        "PASS says nothing of how much was looked at",
    )  # fmt: skip
