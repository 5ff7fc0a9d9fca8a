"""Real reviews posted to the fake GitHub through the poster process: how many does it refuse?"""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from reference.agents.types import Change, ChangedFile, Review, ReviewError

REPOSITORY = "made/changes"
HEAD = "a" * 40


@dataclass(frozen=True, slots=True)
class PostingOutcome:
    """`control`: what the fake says to the same kind of review with one comment a line outside the diff."""

    accepted: int
    rejected: int
    comments: int
    control: str


def diff_text(change: Change) -> str:
    """The change as a unified diff, as git writes one."""
    return "".join(_file_text(one) for one in change.files if one.hunks)


def _file_text(file: ChangedFile) -> str:
    old = file.old_path or file.path
    before = "/dev/null" if file.status == "added" else f"a/{old}"
    after = "/dev/null" if file.status == "deleted" else f"b/{file.path}"
    rows = [f"diff --git a/{old} b/{file.path}", f"--- {before}", f"+++ {after}"]
    for hunk in file.hunks:
        rows.append(f"@@ -{hunk.old_start},{hunk.old_length} +{hunk.new_start},{hunk.new_length} @@")
        rows += [{"added": "+", "removed": "-", "context": " "}[line.kind] + line.text for line in hunk.lines]
    return "\n".join(rows) + "\n"


def post_reviews(reviews: Sequence[Review]) -> PostingOutcome:
    """Post each review; then one that must be refused, as a control.

    Raises:
        ReviewError: no review has a comment, so that nothing would be shown.
    """
    from reference.agents.github.fake import FakeGitHub, FakePull, create_fake
    from reference.agents.github.serving import LoopbackServer
    from reference.agents.publish import github_payload
    from reference.agents.publish.posting import PosterProcess

    with_comment = next((one for one in reviews if one.comments), None)
    if with_comment is None:
        raise ReviewError("reviews: none of them has a comment")
    token = secrets.token_hex(12)
    state = FakeGitHub(tokens={token: "reviewer"})
    accepted = comments = 0
    with LoopbackServer(create_fake(state)).running() as api, PosterProcess(api, token) as poster:
        for number, review in enumerate(reviews, 1):
            state.pulls[REPOSITORY, number] = FakePull(diff_text(review.change), HEAD)
            posted = poster.post(REPOSITORY, number, github_payload(_at_head(review)))
            accepted += not posted.refused
            comments += posted.comments
        rejected = len(state.refused)
        state.pulls[REPOSITORY, 0] = FakePull(diff_text(with_comment.change), HEAD)
        wrong = github_payload(_at_head(with_comment))
        wrong["comments"][0] = {**wrong["comments"][0], "line": 10**6}
        control = "; ".join(state.check_review(REPOSITORY, 0, wrong)) or "accepted"
    return PostingOutcome(accepted, rejected, comments, control)


def _at_head(review: Review) -> Review:
    return dataclasses.replace(review, change=dataclasses.replace(review.change, head=HEAD))
