"""Question 6, scope: what a reviewer that reads changes can find at all."""

from __future__ import annotations

from reference.sizing.claims.ledger import claim
from reference.sizing.claims.verdicts import Outcome, reaches

from .assumptions import Q6Assumptions


@claim("q6.owasp-10", question=6, stated=10,
       statement="The security agent scans for the ten categories of the OWASP Top 10.")  # fmt: skip
def owasp(a: Q6Assumptions, stated: float) -> Outcome:
    del stated
    return reaches(
        a.owasp_stated, a.owasp_covered,
        f"the rules of this project's reviewer cite {a.owasp_covered} of {a.owasp_stated} (edition of 2021); no "
        "line of a change shows insecure design (A04) or a log that is missing (A09)",
    )  # fmt: skip
