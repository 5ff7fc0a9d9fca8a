"""The judge on the real small model: what it says may be poor, its form may not, and the gate keeps it off."""

import pytest

from reference.moderation.judge import GatedJudge, JudgeCase, JudgeSettings, LLMJudge, worth_it
from reference.moderation.types import Post, Tier

pytestmark = pytest.mark.engine

POLICIES = {"spam": "Unasked advertising, bait and counterfeit goods are not allowed."}


def test_the_small_model_answers_in_form_and_stays_off_without_evidence(engine):
    judge = LLMJudge.of_engine(
        engine, policies=POLICIES, settings=JudgeSettings(deadline_s=200, call_timeout_s=100, parallel=1)
    )
    texts = ["Cheap watches at http://w.example/", "We had soup for lunch"]
    posts = [Post(f"p{number}", text) for number, text in enumerate(texts)]
    found = judge.judge(posts, ["spam"] * 2)
    assert judge.counts["failed"] == 0  # every reply was whole and of the schema's form
    assert judge.counts["calls"] == (3 if judge.counts["canary"] else 1)
    assert all(one is None or (one.tier, one.category) == (Tier.JUDGE, "spam") for one in found)
    cases = [JudgeCase(post, "spam", index % 2 == 0, True) for index, post in enumerate(posts)]
    evidence = worth_it(judge, cases)
    assert not evidence.use_it  # two cases can never be enough
    assert GatedJudge(judge, evidence).judge(posts, ["spam"] * 2) == [None] * 2
