"""The batch function of moderation: posts in, one decision per post out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from reference.moderation.interfaces import (
    DecisionLog,
    ImageCheck,
    Judge,
    Reviews,
    TextModel,
    TextScreen,
    VideoCheck,
)
from reference.moderation.policy import Policy, PolicyBook
from reference.moderation.types import Action, Decision, ModerationError, Post, Screened, Tier

from .answers import as_many, findings_in_video, scores_of
from .cache import DecisionCache, content_key
from .case import Case
from .parts import Parts


class Moderator:
    """Posts through rules, models and judge, under the policy of each post's time and country.

    Nothing is approved unseen: a part that is missing, fails, or has no time left makes its posts go to a person, and
    the decision names the part.

    Args:
        policy: the book, or one policy for every post.
        text_rules: tier 1.
        text_model, images, videos: tier 2; None: posts with that medium go to a person.
        judge: tier 3, asked only where a policy's category says so and the score lies in its band; None: a person.
        reviews: where escalated posts are put; None: the caller does it.
        log: where every decision is appended before `decide` returns.
        deadline_s: for tiers 2 and 3 of one batch together; None: no limit.
        cache_size: decisions remembered by content.
    """

    def __init__(
        self,
        policy: PolicyBook | Policy,
        text_rules: TextScreen,
        text_model: TextModel | None = None,
        images: ImageCheck | None = None,
        videos: VideoCheck | None = None,
        judge: Judge | None = None,
        reviews: Reviews | None = None,
        log: DecisionLog | None = None,
        *,
        deadline_s: float | None = None,
        cache_size: int = 50_000,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.policy = policy
        self.text_rules = text_rules
        self.text_model, self.images, self.videos = text_model, images, videos
        self.judge, self.reviews, self.log = judge, reviews, log
        self.deadline_s = deadline_s
        self.cache = DecisionCache(cache_size)
        self._clock = clock
        self._parts = Parts()

    def policy_of(self, post: Post) -> Policy:
        """The policy for this post. Raises ModerationError if none was in force at its time."""
        if isinstance(self.policy, Policy):
            return self.policy
        return self.policy.at(post.posted_at or self._clock(), post.country)

    def reasons(self, posts: Sequence[Post], decisions: Sequence[Decision]) -> list[dict[str, Any]]:
        """A statement of reasons for every rejection among `decisions`, as the log takes them."""
        from reference.moderation.record.reasons import reasons_of

        return reasons_of(posts, decisions, lambda post, _: self.policy_of(post))

    def screen_only(self, posts: Sequence[Post]) -> list[Decision | None]:
        """Tier 1 alone: a decision where the rules decide, None where the post has to go on. Nothing is logged."""
        return [case.decision for case in self._tier_one(posts)]

    def decide(self, posts: Sequence[Post]) -> list[Decision]:
        """One decision per post, in order; logged, and escalated posts queued, where a log and a queue were given.

        Raises:
            ModerationError: the log or the review queue did not take a decision. The posts count as undecided: give
                them again; what was taken is not taken twice.
        """
        cases = self._tier_one(posts)
        for case in cases:
            if case.decision is None:
                self._from_cache(case)
        deadline = None if self.deadline_s is None else time.monotonic() + self.deadline_s
        open_ = [case for case in cases if case.decision is None]
        self._tier_two(open_, deadline)
        band = [case for case in open_ if not self._settled(case)]
        self._tier_three(band, deadline)
        for case in open_:
            if case.decision is None:
                case.decision = case.conclude(Tier.MODELS, self._clock())
            self.cache.put(case.key, case.decision)
        decisions = [case.decision for case in cases if case.decision is not None]
        self._deliver(posts, decisions)
        return decisions

    # -- tier 1

    def _tier_one(self, posts: Sequence[Post]) -> list[Case]:
        now: dict[str, Policy | None] = {}  # one look-up per country and batch for posts without a time of their own
        cases = []
        for post in posts:
            if post.posted_at is None:
                if post.country not in now:
                    now[post.country] = self._policy_or_none(post)
                cases.append(Case(post, now[post.country]))
            else:
                cases.append(Case(post, self._policy_or_none(post)))
        screened, version = self._screen(posts)
        for case, seen in zip(cases, screened, strict=True):
            case.took_part["rules"] = version
            if seen is None:
                case.miss("rules", "The rules could not look at the post.", Tier.RULES)
            else:
                case.screened = seen
                case.findings.extend(seen.findings)
            if case.policy is None:
                detail = "No version of the policy was in force at the post's time."
                case.miss("policy", detail, Tier.RULES)
            # A score in the judge's band (a link's, say) is not the rules' to decide.
            if case.findings and case.outcome()[0] is not Action.APPROVE and not self._judges(case):
                case.decision = case.conclude(Tier.RULES, self._clock())
        return cases

    def _screen(self, posts: Sequence[Post]) -> tuple[Sequence[Screened | None], str]:
        try:
            before = self.text_rules.version
            screened = self.text_rules.screen(posts)
            after = self.text_rules.version
            if [one.post_id for one in screened] != [post.id for post in posts]:
                return [None] * len(posts), after
            # Rules may be exchanged while a batch is on its way: then both names are the truth.
            return screened, after if before == after else f"{before}|{after}"
        except Exception:
            return [None] * len(posts), "unavailable"

    def _policy_or_none(self, post: Post) -> Policy | None:
        try:
            return self.policy_of(post)
        except ModerationError:
            return None

    # -- tier 2

    def _from_cache(self, case: Case) -> None:
        versions = dict(case.took_part)
        for name, part in (("text_model", self.text_model), ("images", self.images), ("video", self.videos)):
            versions[name] = "" if part is None else part.version
        versions["judge"] = "" if self.judge is None else self.judge.version
        policy = "" if case.policy is None else f"{case.policy.version}/{case.policy.country}/{id(case.policy)}"
        case.key = content_key(case.post, policy, versions)
        case.decision = self.cache.get(case.key, case.post.id, self._clock())

    def _tier_two(self, cases: Sequence[Case], deadline: float | None) -> None:
        texts = [case for case in cases if self._readable_by_model(case)]
        pictures = [(case, image) for case in cases for image in case.post.images]
        films = [case for case in cases if case.post.video is not None]
        calls: dict[str, Callable[[], Any]] = {}
        model, images, videos = self.text_model, self.images, self.videos
        if texts and model is not None:
            calls["text_model"] = lambda: scores_of(model, [case.post.text for case in texts])
        if pictures and images is not None:
            calls["images"] = lambda: as_many(images.check([image for _, image in pictures]), len(pictures))
        if films and videos is not None:
            calls["video"] = lambda: [findings_in_video(videos, case.post) for case in films]
        results, failed = self._parts.run(calls, deadline)
        self._take(texts, "text_model", model, results, failed, "The text model")
        if model is not None and "text_model" in results:
            for case, row in zip(texts, results["text_model"], strict=True):
                case.findings.extend(case.model_findings(model.categories, row))
        owners = list({id(case): case for case, _ in pictures}.values())
        self._take(owners, "images", images, results, failed, "The image check")
        for (case, _), found in zip(pictures, results.get("images", ()), strict=False):
            case.findings.extend(found)
        self._take(films, "video", videos, results, failed, "The video check")
        for case, found in zip(films, results.get("video", ()), strict=False):
            case.findings.extend(found)

    def _take(
        self,
        cases: Sequence[Case],
        name: str,
        part: Any,
        results: Mapping[str, Any],
        failed: Mapping[str, str],
        words: str,
    ) -> None:
        """Notes that the part looked at the cases, or that it could not."""
        for case in cases:
            if part is not None:
                case.took_part[name] = str(part.version)
            if name not in results:
                why = "is not installed here" if part is None else failed.get(name, "gave no answer")
                case.miss(name, f"{words} {why}.", Tier.MODELS)

    def _readable_by_model(self, case: Case) -> bool:
        """Whether the text model may be asked; a language that it is not validated for is noted as missing."""
        text = case.post.text
        if not text.strip():
            return False
        if self.text_model is None or case.screened is None:
            return True
        language = case.screened.language
        # Without a letter (emoji, figures) there is no language to be wrong about.
        if language in self.text_model.languages or not any(map(str.isalpha, text)):
            return True
        detail = f"No text model is validated for the language {language}."
        case.miss(f"text_model:{language}", detail, Tier.MODELS, "language")
        return False

    # -- tier 3

    def _settled(self, case: Case) -> bool:
        """Decides where the judge has nothing to say."""
        if case.outcome()[0] is Action.ESCALATE and self._judges(case):
            return False
        case.decision = case.conclude(Tier.MODELS, self._clock())
        return True

    def _judges(self, case: Case) -> str:
        """The one category of the case that the judge may decide; empty if there is none, or no judge."""
        return "" if self.judge is None else case.open_for_judge()

    def _tier_three(self, cases: Sequence[Case], deadline: float | None) -> None:
        judge = self.judge
        if not cases or judge is None:
            return
        questions = [self._judges(case) for case in cases]
        posts = [case.post for case in cases]
        results, _ = self._parts.run({"judge": lambda: as_many(judge.judge(posts, questions), len(posts))}, deadline)
        for case, question, verdict in zip(cases, questions, results.get("judge", [None] * len(cases)), strict=True):
            case.took_part["judge"] = judge.version
            if verdict is None or verdict.category != question:
                case.miss("judge", "The judge could not say in time.", Tier.JUDGE)
                case.decision = case.conclude(Tier.JUDGE, self._clock())
                continue
            # The judge's word replaces the scores that asked for it; the record keeps them all.
            action = case.policy.action(verdict) if case.policy is not None else Action.ESCALATE
            case.findings.append(verdict)
            case.decision = case.conclude(Tier.JUDGE, self._clock(), (action, verdict))

    # -- the end
    def _deliver(self, posts: Sequence[Post], decisions: Sequence[Decision]) -> None:
        if self.log is not None and decisions:
            statements = self.reasons(posts, decisions)
            if statements:
                self.log.append(decisions, statements=statements)
            else:
                self.log.append(decisions)
        if self.reviews is None:
            return
        for post, decision in zip(posts, decisions, strict=True):
            if decision.action is Action.ESCALATE:
                try:
                    self.reviews.put(post, decision)
                except Exception as error:
                    raise ModerationError(
                        f"the review queue did not take post {post.id}: {error}; its batch counts as undecided, "
                        "give it again when the queue is there"
                    ) from error
