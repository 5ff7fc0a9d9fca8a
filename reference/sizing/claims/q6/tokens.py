"""Question 6, tokens: how large changes are, and what fits into the calls that the source plans."""

from __future__ import annotations

from reference.sizing.claims.ledger import claim
from reference.sizing.claims.verdicts import Outcome, close_to, enough
from reference.sizing.review_cost import lines_within
from reference.sizing.units import Q, Quantity

from .assumptions import Q6Assumptions


@claim(
    "q6.average-200-lines", question=6, statement="An average pull request changes 200 lines in 5 files.", stated=200
)
def average_lines(a: Q6Assumptions, stated: float) -> Outcome:
    sizes = a.sizes
    mean, median = sizes.mean / a.tokens_per_line, sizes.median / a.tokens_per_line
    above = sizes.share_above(stated * a.tokens_per_line)
    return close_to(
        stated, mean,
        f"half of the changes have at most {median:.0f} lines, the mean is {mean:.0f}, as sizes spread over decades: "
        f"{above:.0%} are larger than {stated:.0f} lines in {a.files} files", tolerance=0.25,
    )  # fmt: skip


@claim("q6.input-2000", question=6, statement="An agent reads an average pull request in about 2,000 input tokens.",
       stated=Q(2000, "token"))  # fmt: skip
def input_tokens(a: Q6Assumptions, stated: Quantity) -> Outcome:
    needed = a.instructions + a.lines * a.tokens_per_line
    shown = lines_within(a.tokens_in, a.instructions, a.tokens_per_line)
    return enough(
        stated, Q(needed, "token"),
        f"{a.lines:.0f} lines at {a.tokens_per_line:g} tokens and {a.instructions:.0f} of instructions; "
        f"{a.tokens_in:,.0f} tokens show {shown:.0f} lines",
    )  # fmt: skip


@claim("q6.shared-context", question=6, implied=True, stated=Q(2000, "token"),
       statement="The shared context (full diff and file contents) fits into an agent's 2,000 tokens.")  # fmt: skip
def shared_context(a: Q6Assumptions, stated: Quantity) -> Outcome:
    files = a.files * a.file_tokens
    diff = a.lines * a.tokens_per_line
    return enough(
        stated, Q(a.instructions + diff + files, "token"),
        f"{a.files} files of {a.file_tokens:,.0f} tokens are {files:,.0f}, beside {diff:,.0f} of diff",
    )  # fmt: skip


@claim("q6.output-500", question=6, statement="An agent writes its findings in about 500 output tokens.",
       stated=Q(500, "token"))  # fmt: skip
def output_tokens(a: Q6Assumptions, stated: Quantity) -> Outcome:
    needed = a.findings_high * a.finding_tokens
    return enough(
        stated,
        Q(needed, "token"),
        f"{a.findings_high:g} findings at {a.finding_tokens:g} tokens each; bound them in the schema",
    )
