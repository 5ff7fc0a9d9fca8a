"""The claims page: every figure of the usual answers in one table, each led back to where a notebook shows it."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from workbook.site.badges import BADGES
from workbook.site.body import Body
from workbook.site.frame import Entry, page

if TYPE_CHECKING:
    from reference.sizing.claims import Claim

VERDICTS = ("holds", "does-not-hold", "depends")
ENTRY = Entry("claims.html", "The usual answers, recomputed")


@dataclass(frozen=True)
class Row:
    """A claim, and where the site shows it: link "" if the site has no notebook of its question."""

    claim: Claim
    link: str
    where: str


@functools.cache
def ledger() -> tuple[Claim, ...]:
    """Every claim, judged once per process, by question."""
    from reference.sizing.claims import claims

    return tuple(sorted(claims(), key=lambda claim: claim.question))


def verdicts() -> dict[str, int]:
    """How many claims have which verdict."""
    found = Counter(str(claim.verdict) for claim in ledger())
    return {verdict: found[verdict] for verdict in VERDICTS}


def claims_html(entries: Sequence[Entry], notebooks: Mapping[int, tuple[Entry, Body]]) -> str:
    """The page as text. notebooks: question -> its notebook's page and body, for those that the site has."""
    rows = [_row(claim, notebooks.get(claim.question)) for claim in ledger()]
    evidence = Counter(claim.evidence.badge for claim in ledger())
    counts = {
        "question": dict(Counter(claim.question for claim in ledger())),
        "verdict": verdicts(),
        "evidence": {badge: evidence[badge] for badge in BADGES if evidence[badge]},
    }
    return page("claims.html", entries, ENTRY, ["claims.js"], rows=rows, counts=counts)


def _row(claim: Claim, notebook: tuple[Entry, Body] | None) -> Row:
    if notebook is None:
        return Row(claim, "", "")
    entry, body = notebook
    anchor = f"claim-{claim.id}"
    if anchor not in body.anchors:  # executed before this claim was written: the section that sizes the design
        anchor = next((section.anchor for section in body.sections if section.title.startswith("2.")), "")
    return Row(claim, f"{entry.href}#{quote(anchor)}" if anchor else entry.href, entry.title)
