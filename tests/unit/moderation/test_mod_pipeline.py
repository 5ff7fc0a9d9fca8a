from __future__ import annotations

import math
import threading
import time
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mod_parts_fakes import ByteImages, Queue, SlowVideos, WordJudge, WordModel, WordRules

from reference.moderation.pipeline.default import default_moderator, rules_moderator
from reference.moderation.pipeline.moderator import Moderator
from reference.moderation.policy import PolicyBook
from reference.moderation.record import SqliteDecisionLog
from reference.moderation.types import UNAVAILABLE, UNREADABLE, Action, Media, ModerationError, Post, Tier

BOOK = PolicyBook.load()


def moderator(**parts):
    given_ = {"text_model": WordModel(), "images": ByteImages(), "videos": SlowVideos(), **parts}
    return Moderator(BOOK, parts.pop("rules", None) or WordRules(), **{k: v for k, v in given_.items() if k != "rules"})


def decide(text="", *, using=None, **fields):
    return (using or moderator()).decide([Post("p", text, **fields)])[0]


@pytest.mark.parametrize(
    ("text", "action", "category", "tier"),
    [
        ("good morning", Action.APPROVE, "", Tier.MODELS),
        ("", Action.APPROVE, "", Tier.MODELS),
        ("rule:spam", Action.REJECT, "spam", Tier.RULES),
        ("rule:hate", Action.ESCALATE, "hate", Tier.RULES),
        ("rule:threat", Action.ESCALATE, "threat", Tier.RULES),
        ("rule:threat rule:spam", Action.REJECT, "spam", Tier.RULES),
        ("rule:new_thing", Action.ESCALATE, "new_thing", Tier.RULES),
        ("broken", Action.ESCALATE, UNREADABLE, Tier.RULES),
        ("link:phishing=0.98", Action.REJECT, "phishing", Tier.RULES),
        ("link:phishing=0.6", Action.ESCALATE, "phishing", Tier.RULES),
        ("link:phishing=0.1", Action.APPROVE, "", Tier.MODELS),
        ("hate=0.98", Action.REJECT, "hate", Tier.MODELS),
        ("hate=0.5", Action.ESCALATE, "hate", Tier.MODELS),
        ("hate=0.39", Action.APPROVE, "", Tier.MODELS),
        ("nan", Action.ESCALATE, UNAVAILABLE, Tier.MODELS),
        ("fail", Action.ESCALATE, UNAVAILABLE, Tier.MODELS),
    ],
)
def test_each_post_ends_as_the_policy_says(text, action, category, tier):
    decision = decide(text)
    assert (decision.action, decision.category, decision.tier) == (action, category, tier)


def test_a_model_is_never_as_certain_as_a_rule():
    american = decide("hate=1.0", country="US")
    assert american.action is Action.REJECT  # 1.0 of a model is held against reject_at, not against the rules' action
    assert decide("rule:hate", country="US").action is Action.ESCALATE


def test_the_policy_of_the_posts_country_and_time_decides():
    assert decide("hate=0.35").action is Action.APPROVE
    assert decide("hate=0.35", country="DE").action is Action.ESCALATE
    old = decide("rule:crypto_scam", posted_at=datetime(2025, 1, 1, tzinfo=UTC))
    assert (old.action, old.versions["policy"]) == (Action.ESCALATE, "2020-01")
    assert decide("rule:crypto_scam").action is Action.REJECT


@pytest.mark.parametrize("when", [datetime(1999, 1, 1, tzinfo=UTC), datetime(2026, 7, 1)])
def test_a_time_without_policy_goes_to_a_person(when):
    decision = decide("fine", posted_at=when)
    assert (decision.action, decision.missing) == (Action.ESCALATE, ("policy",))


def test_languages_without_validated_model_go_to_a_person_and_are_named():
    decision = decide("habari ya asubuhi", language="sw")
    assert (decision.action, decision.missing) == (Action.ESCALATE, ("text_model:sw",))
    assert decide("hate=0.98 x", language="sw").action is Action.ESCALATE
    assert decide("12 34 !!", language="und").action is Action.APPROVE
    assert decide("rule:spam", language="sw").action is Action.REJECT


def test_failing_rules_send_every_post_of_the_batch_to_a_person():
    decisions = moderator().decide([Post("a", "fine"), Post("b", "explode")])
    assert [d.action for d in decisions] == [Action.ESCALATE] * 2
    assert all("rules" in d.missing for d in decisions)


@pytest.mark.parametrize(
    ("part", "fields"),
    [
        ("text_model", {"text": "fine"}),
        ("images", {"images": (Media("a", b""),)}),
        ("videos", {"video": Media("v", b"")}),
    ],
)
def test_a_missing_part_stops_only_the_posts_that_need_it(part, fields):
    using = moderator(**{part: None})
    without, plain = using.decide([Post("a", **fields), Post("b", "12")])
    name = "video" if part == "videos" else part
    assert (without.action, without.missing) == (Action.ESCALATE, (name,))
    if part != "text_model":
        assert plain.action is Action.APPROVE


def test_a_part_over_the_deadline_is_named_and_the_others_still_count(monkeypatch):
    end = threading.Event()
    using = moderator(videos=SlowVideos(end), deadline_s=60)
    # The clock at each wait for a part: the text model has all the time that it needs here, the film then has none.
    looks = iter([time.monotonic()])
    clock = SimpleNamespace(monotonic=lambda: next(looks, math.inf))
    monkeypatch.setattr("reference.moderation.pipeline.parts.time", clock)
    film, text = using.decide([Post("a", video=Media("v", b"")), Post("b", "hate=0.99")])
    assert (film.action, film.missing) == (Action.ESCALATE, ("video",))
    assert text.action is Action.REJECT
    again = using.decide([Post("c", video=Media("v", b""))])[0]
    assert "still busy" in again.findings[0].detail
    assert [thread.name for thread in threading.enumerate()].count("moderation-video") == 1
    end.set()


def test_one_bad_picture_of_several_decides():
    pictures = (Media("a", b""), Media("b", b"qr_spam"), Media("c", b"broken"))
    decision = decide("fine", images=pictures)
    assert (decision.action, decision.category) == (Action.REJECT, "qr_spam")
    assert decide("fine", images=pictures[::2]).category == UNREADABLE


def test_the_judge_is_asked_only_inside_the_band_of_categories_that_allow_it():
    judge = WordJudge()
    using = moderator(judge=judge)
    posts = [
        Post("low", "hate=0.1 judge=0.99"),
        Post("high", "hate=0.99 judge=0.01"),
        Post("band", "hate=0.6 judge=0.1"),
        Post("two", "hate=0.6 spam=0.6 judge=0.1"),
        Post("link", "link:phishing=0.6 judge=0.1"),
        Post("sw", "hate=0.6 judge=0.1", language="sw"),
        Post("guilty", "hate=0.6 judge=0.99"),
        Post("unsure", "hate=0.6 judge=0.5"),
        Post("silent", "hate=0.6"),
    ]
    done = {d.post_id: d for d in using.decide(posts)}
    assert [name for name, _ in judge.asked] == ["band", "guilty", "unsure", "silent"]
    actions = {name: d.action.value for name, d in done.items()}
    assert actions == {
        "low": "approve",
        "high": "reject",
        "band": "approve",
        "two": "escalate",
        "link": "escalate",
        "sw": "escalate",
        "guilty": "reject",
        "unsure": "escalate",
        "silent": "escalate",
    }
    assert done["silent"].missing == ("judge",)
    assert done["band"].tier is Tier.JUDGE
    assert done["band"].versions["judge"] == "judge-1"


def test_the_same_content_is_judged_once_per_policy():
    model = WordModel()
    using = moderator(text_model=model)
    first, second, german = (
        using.decide([Post(name, "hate=0.35", country=country)])[0]
        for name, country in (("a", ""), ("b", ""), ("c", "DE"))
    )
    assert len(model.asked) == 2
    assert (second.post_id, second.action, second.findings) == ("b", first.action, first.findings)
    assert german.action is Action.ESCALATE
    model.version = "model-2"
    using.decide([Post("d", "hate=0.35")])
    assert len(model.asked) == 3


def test_a_decision_with_missing_parts_is_not_remembered():
    using = moderator(videos=None)
    post = Post("a", video=Media("v", b"x"))
    assert using.decide([post])[0].action is Action.ESCALATE
    using.videos = SlowVideos()
    assert using.decide([post])[0].action is Action.APPROVE


def test_the_first_tier_alone_decides_or_lets_go_on():
    rejected, clean, odd = moderator().screen_only([Post("a", "rule:spam"), Post("b", "x"), Post("c", "hate=0.99")])
    assert rejected is not None
    assert rejected.action is Action.REJECT
    assert clean is None
    assert odd is None


def test_escalated_posts_reach_the_queue_and_a_broken_queue_is_no_silence(tmp_path):
    queue, log = Queue(), SqliteDecisionLog(tmp_path / "log.db")
    posts = [Post("a", "rule:threat"), Post("b", "rule:spam"), Post("c", "fine")]
    moderator(reviews=queue, log=log).decide(posts)
    assert queue.posts == ["a"]
    assert log.counts()["rows"] == 3
    with pytest.raises(ModerationError, match="post a"):
        moderator(reviews=Queue(broken=True), log=log).decide(posts)
    queue.posts.clear()
    moderator(reviews=queue, log=log).decide(posts)  # given again: queued, and nothing is in the log twice
    assert (queue.posts, log.counts()["rows"]) == (["a"], 3)


WORDS = ["fine", "broken", "rule:hate", "rule:threat", "hate=0.6", "hate=0.99", "fail", "nan", "link:phishing=0.6"]
posts = st.builds(
    Post,
    id=st.uuids().map(str),
    text=st.lists(st.sampled_from([*WORDS, "judge=0.1", "judge=0.99"]), max_size=3).map(" ".join),
    images=st.lists(st.sampled_from([b"", b"broken", b"qr_spam"]).map(lambda b: Media("i", b)), max_size=2).map(tuple),
    language=st.sampled_from(["", "de", "sw", "und"]),
    country=st.sampled_from(["", "DE", "US"]),
)


@given(st.lists(posts, max_size=6), st.booleans(), st.booleans())
def test_nothing_unseen_is_approved_and_every_post_gets_one_decision(some, with_model, with_judge):
    using = moderator(text_model=WordModel() if with_model else None, judge=WordJudge() if with_judge else None)
    decisions = using.decide(some)
    assert [d.post_id for d in decisions] == [p.id for p in some]
    for decision in decisions:
        blind = any(f.category in (UNREADABLE, UNAVAILABLE) for f in decision.findings)
        assert bool(decision.missing) == any(f.category == UNAVAILABLE for f in decision.findings)
        if blind:
            assert decision.action is not Action.APPROVE
        assert (decision.severity > 0) == (decision.action is not Action.APPROVE)
        assert decision.versions["policy"]


@pytest.fixture
def default(monkeypatch):
    monkeypatch.setattr("reference.moderation.models.default_text_model", WordModel)  # training takes seconds
    return default_moderator()


def with_code(payload):
    """A grey picture with a QR code in it, as PNG."""
    import io

    import numpy as np
    from PIL import Image

    from reference.moderation.images.synthetic import qr_matrix

    code = np.kron(qr_matrix(payload), np.ones((6, 6), np.uint8))
    picture = np.pad(code, 40, constant_values=180)
    target = io.BytesIO()
    Image.fromarray(np.stack([picture] * 3, axis=-1)).save(target, "PNG")
    return Media("code.png", target.getvalue())


def test_the_default_moderator_rejects_a_code_that_leads_to_a_host_on_the_block_list(default):
    from reference.moderation.images.synthetic import BENIGN_HOSTS, BLOCKED_HOSTS

    for host in (*BLOCKED_HOSTS, f"shop.{BLOCKED_HOSTS[0]}"):
        decision = decide(using=default, images=(with_code(f"https://{host}/1"),))
        assert (decision.action, decision.category, decision.tier) == (Action.REJECT, "qr_spam", Tier.MODELS)
    decision = decide(using=default, images=(with_code(f"https://{BENIGN_HOSTS[0]}/1"),))
    assert "qr_spam" not in {finding.category for finding in decision.findings}
    assert decision.action is not Action.REJECT


def test_the_default_moderator_asks_for_the_newest_rules_of_every_batch_and_the_rules_moderator_does_not(
    default, monkeypatch
):
    from reference.moderation.rules.hot import HotRules

    asked = []
    current = HotRules.current
    monkeypatch.setattr(HotRules, "current", lambda rules: asked.append(1) or current(rules))
    decide("good morning", using=default)
    decide("good evening", using=default)
    assert len(asked) == 2
    decide("good morning", using=rules_moderator())
    assert len(asked) == 2
