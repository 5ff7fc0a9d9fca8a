"""What the author of an appealed post is told."""

from __future__ import annotations

from .types import Answer, Appeal, Result


def statement_to_author(appeal: Appeal, made: Answer) -> str:
    """What the author is told: outcome, reasons, who looked (a person, not the first one), and what is left to do."""
    what = {
        Result.UPHELD: "The decision stands: your post stays removed.",
        Result.OVERTURNED: "The decision was wrong: your post is restored.",
        Result.PARTLY: f"The decision was partly wrong: your post breaks the rule on {made.category}, "
        f"not the one on {appeal.decision.category}.",
    }[made.result]
    late = " This answer came after its deadline." if made.late else ""
    further = "" if made.result is Result.OVERTURNED else (
        "\nIf you disagree, you can take it to an out-of-court dispute body or to a court."
    )  # fmt: skip
    policy = appeal.decision.versions.get("policy", "unknown")
    return (
        f"Your appeal about post {made.post_id} was read by a person who had no part in the first decision.{late}\n"
        f"{what}\nReasons: {made.reasons}\nPolicy version of the first decision: {policy}.{further}"
    )
