"""The funnel: tiers see what was left open, and servers have room."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.sizing.moderation_funnel import (
    Funnel,
    Work,
    clip_cost,
    fill_wait,
    need,
    servers_for,
    usd_per_million_posts,
)
from reference.sizing.queueing import erlang_c

shares = st.floats(0, 1)


def one_kind(rules: float, models: float, judge: float) -> Funnel:
    return Funnel(1000.0, {"text": 1.0}, {"text": rules}, {"text": models}, judge)


@given(rules=shares, models=shares, judge=shares)
def test_every_post_is_decided_exactly_once(rules: float, models: float, judge: float) -> None:
    funnel = one_kind(rules, models, judge)
    assert sum(funnel.decided.values()) == pytest.approx(1)
    seen = list(funnel.seen.values())
    assert seen[0] == 1000
    assert seen == sorted(seen, reverse=True)


def test_shares_multiply_and_do_not_add() -> None:
    funnel = one_kind(0.6, 0.875, 0.8)
    assert funnel.seen == pytest.approx({"rules": 1000, "models": 400, "judge": 50, "people": 10})
    assert funnel.decided == pytest.approx({"rules": 0.6, "models": 0.35, "judge": 0.04, "people": 0.01})


@pytest.mark.parametrize(
    ("change", "name"),
    [({"rate": 0}, "rate"), ({"kinds": {"text": 0.9}}, "add up"), ({"rules_decide": {}}, "lacks text"),
     ({"models_decide": {"text": 1.1}}, "models_decide"), ({"judge_decides": -1}, "judge_decides")],
)  # fmt: skip
def test_senseless_funnel_is_refused(change: dict, name: str) -> None:  # type: ignore[type-arg]
    good = {"rate": 1.0, "kinds": {"text": 1.0}, "rules_decide": {"text": 0.5}, "models_decide": {"text": 0.5}}
    with pytest.raises(ValueError, match=name):
        Funnel(**{**good, "judge_decides": 0.5, **change})


@given(posts=st.floats(0.1, 1e5), each=st.floats(0.1, 1e4), ceiling=st.floats(0.1, 0.95), spare=st.integers(0, 3))
def test_servers_are_the_fewest_with_room(posts: float, each: float, ceiling: float, spare: int) -> None:
    count = servers_for(posts, each, ceiling, spare) - spare
    assert posts / (each * count) <= ceiling + 1e-6
    assert count == 1 or posts / (each * (count - 1)) > ceiling - 1e-6


def test_need_has_erlang_cs_wait_and_survives_one_failure() -> None:
    found = need(Work("model", 2, 700.0, 100.0, "core", 0.05), 0.7, 1)
    assert found.servers == 11
    assert found.utilisation == pytest.approx(7 / 11)
    assert found.utilisation_when_one_fails == pytest.approx(0.7)
    assert found.mean_wait == pytest.approx(erlang_c(7, 11) * 0.01 / 4)
    assert found.usd_per_month == pytest.approx(11 * 0.05 * 730)
    assert need(Work("model", 2, 700.0, 100.0, "core", 0.05), servers=7).mean_wait == math.inf


def test_batches_wait_to_fill_but_never_longer_than_they_may() -> None:
    assert fill_wait(1000, 32, 1.0) == pytest.approx(31 / 1000 / 2)
    assert fill_wait(10, 32, 0.02) == pytest.approx(0.01)
    assert fill_wait(10, 1, 0.02) == 0
    batched = need(Work("m", 2, 1000, 500, "core", 0, batch=32, batch_wait=0.02))
    assert batched.service_s == pytest.approx(32 / 500)
    assert batched.latency_s == pytest.approx(batched.fill_wait + batched.mean_wait + 0.064)


def test_cost_per_million_posts() -> None:
    assert usd_per_million_posts(730 * 3600.0, 1.0) == pytest.approx(1e6)
    assert usd_per_million_posts(43_800, 1e6 / 60) == pytest.approx(1.0)  # 43,800 minutes in a month


def test_clip_of_twice_the_length_takes_twice_to_decode() -> None:
    short, long = (clip_cost(seconds, 8.3, 20, 10, 43.5) for seconds in (20, 40))
    assert short.decode_s == pytest.approx(1 / 8.3)
    assert long.decode_s == pytest.approx(2 / 8.3)
    assert short.model_s == long.model_s == pytest.approx(10 / 43.5)
    assert short.clips_per_second == pytest.approx(1 / (1 / 8.3 + 10 / 43.5))


@pytest.mark.parametrize(
    "call",
    [
        lambda: Work("m", 1, 1, 0, "core", 0),
        lambda: Work("m", 1, -1, 1, "core", 0),
        lambda: Work("m", 1, 1, 1, "core", 0, batch=0),
        lambda: servers_for(1, 1, 1.0),
        lambda: servers_for(1, 0),
        lambda: usd_per_million_posts(1, 0),
        lambda: clip_cost(0, 1, 1, 1, 1),
        lambda: clip_cost(1, 1, 1, -1, 1),
    ],
)
def test_senseless_work_is_refused(call) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError):
        call()
