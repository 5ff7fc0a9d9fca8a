"""One job of the webhook: fetch, review, leave out what was said before, post through the poster."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from reference.agents.publish import github_payload
from reference.agents.publish.text import comment_body
from reference.agents.types import Change, Review, ReviewError, Severity, Status

from .deliveries import Deliveries
from .jobs import Job

if TYPE_CHECKING:
    from reference.agents.publish.posting import PosterProcess

    from .client import GitHubReader

log = logging.getLogger(__name__)


class Reviews(Protocol):
    async def review(self, change: Change, posted_before: Collection[str] = ()) -> Review: ...


class Record(Protocol):
    """Where it is kept what was posted and what became of it: reference.agents.learning.OutcomeStore."""

    def record_posted(self, review: Review) -> int: ...

    def undecided(self, repository: str, pr: int) -> Mapping[str, str]: ...

    def record_outcome(self, repository: str, pr: int, fingerprint: str, outcome: str) -> bool: ...


class ReviewService:
    """Reviews pull requests with `reviewer`; it reads with `reader` and cannot write but through `poster`.

    outcomes: gets what was posted, and "resolved" for what a later push of the pull request mended.
    """

    def __init__(
        self,
        reader: GitHubReader,
        reviewer: Reviews,
        poster: PosterProcess,
        deliveries: Deliveries,
        outcomes: Record | None = None,
    ) -> None:
        self._reader, self._reviewer, self._poster, self._deliveries = reader, reviewer, poster, deliveries
        self._outcomes = outcomes

    async def work(self, job: Job) -> None:
        """Raises ReviewError: GitHub cannot be read, or the review was refused."""
        pull = await asyncio.to_thread(self._reader.pull, job.repository, job.number)
        if pull.draft or pull.head != job.head:
            log.info("%s#%d: %s is not its head any more", job.repository, job.number, job.head[:12])
            return
        change = await asyncio.to_thread(self._reader.change, pull)
        said, last = self._deliveries.said(job.repository, job.number)
        # The reviewer knows what was said, so that it takes no room under the cap.
        review = await self._reviewer.review(change, posted_before=said)
        self._resolved(job, review)
        fresh = without_said(review, said)
        if last == review.event and not fresh.comments:
            log.info("%s#%d: nothing new to say", job.repository, job.number)
            return
        # From here on a newer push does not stop it: half a review is worse than one too many.
        await asyncio.shield(asyncio.to_thread(self._post, job, review, fresh))

    def _post(self, job: Job, review: Review, fresh: Review) -> None:
        posted = self._poster.post(job.repository, job.number, github_payload(fresh))
        for path, line in posted.refused:
            log.warning("%s#%d: GitHub refused the comment on %r line %d", job.repository, job.number, path, line)
        rules = {one.fingerprint: one.rule for one in fresh.findings}
        self._deliveries.note(job.repository, job.number, rules, review.event)
        try:
            if self._outcomes is not None:
                self._outcomes.record_posted(fresh)
        except ReviewError as problem:  # the review is posted; only learning from it is lost
            log.warning("%s#%d: %s", job.repository, job.number, problem)

    def _resolved(self, job: Job, review: Review) -> None:
        """What was posted before and is not found any more was mended, if its specialist looked at everything."""
        whole = {one.agent for one in review.reports if one.status is Status.OK}
        found = {one.fingerprint for report in review.reports for one in report.findings}
        if self._outcomes is None:
            return
        try:
            for fingerprint, rule in self._outcomes.undecided(job.repository, job.number).items():
                if fingerprint not in found and rule.split("/")[0] in whole:
                    self._outcomes.record_outcome(job.repository, job.number, fingerprint, "resolved")
        except ReviewError as problem:
            log.warning("%s#%d: %s", job.repository, job.number, problem)


def without_said(review: Review, said: frozenset[str]) -> Review:
    """The review without findings that an earlier review of the pull request has posted; they are counted as left out.

    The event stays that of all findings: what was critical and still stands keeps requesting changes.
    """
    comments = []
    again = []
    for comment in review.comments:
        new = tuple(one for one in comment.findings if one.fingerprint not in said)
        again += [one for one in comment.findings if one.fingerprint in said]
        if len(new) == len(comment.findings):
            comments.append(comment)
        elif new:
            worst = max(one.severity for one in new)
            comments.append(replace(comment, findings=new, severity=Severity(worst), body=comment_body(new)))
    if not again:
        return review
    left_out = {**review.left_out, "said before": (*review.left_out.get("said before", ()), *again)}
    return replace(review, comments=tuple(comments), left_out=left_out)
