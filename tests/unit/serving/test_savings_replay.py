"""The replay on fake engines: sums agree with requests, each switch changes what it should and nothing else."""

import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from savings_fakes import Likeness, fake_parts

sys.path.insert(0, str(Path(__file__).parents[2] / "fakes"))
from thread_worker import worker_on_a_thread

from reference.serving.jobs import fleet
from reference.serving.rollout.versions.task import INTENTS
from reference.serving.savings import (
    STRATEGIES,
    Pricing,
    SavingsError,
    Switches,
    as_records,
    bill,
    from_records,
    ladder,
    make_workload,
    repeated,
    replay,
    rows,
    verdict_on,
)
from reference.serving.savings.faq import FAQ
from reference.serving.savings.sending import Watched
from reference.serving.savings.tape import digest_of
from reference.sizing.bill.prices import cost_of, model_price
from reference.sizing.self_hosting import Hosting

pytestmark = pytest.mark.slow

WORK = make_workload(12, 24, 8, 10, seed=3)
PRICING = Pricing(Hosting(18_000, 0.8))


@pytest.fixture(scope="module")
def parts(quick_servers):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fleet, "running", lambda settings, workers: worker_on_a_thread(settings))
        with fake_parts(workers=1) as found:
            yield found


@pytest.fixture(scope="module")
def rungs(parts):
    return ladder(WORK, parts[0], PRICING)


@pytest.fixture(scope="module")
def outcomes(rungs):
    return {rung.name: rung.outcome for rung in rungs if rung.kind != "sequence"}


def used(outcome, what="num_model_requests", **wanted):
    return sum(row[what] for row in outcome.usage if all(row[name] == value for name, value in wanted.items()))


def test_the_same_seed_gives_the_same_workload_and_another_one_does_not():
    assert make_workload(12, 24, 8, 10, seed=3) == WORK
    assert make_workload(12, 24, 8, 10, seed=4) != WORK
    assert WORK.counts() == {"classify": 12, "faq": 24, "backlog": 8, "embed": 10}


def test_messages_are_held_out_and_none_is_classified_twice():
    from reference.serving.model_routing.questions import questions

    held = {one.text: one.intent for one in questions(40) if one.split == "held-out"}
    messages = [r for r in WORK.requests if r.feature != "faq"]
    assert len({r.text for r in messages}) == len(messages) == 20
    assert all(held[r.text] == r.truth and r.truth in INTENTS for r in messages)


def test_every_wording_of_a_question_belongs_to_one_question():
    wordings = Counter(text for some in FAQ.values() for text in some)
    assert max(wordings.values()) == 1
    assert all(r.text in FAQ[r.truth] for r in WORK.of("faq"))
    shares = repeated(make_workload(0, 400, 0, 0).of("faq"))
    assert shares["exact"] > shares["meaning"] > 0
    assert shares["exact"] + shares["meaning"] == pytest.approx(1 - 20 / 400, abs=0.02)


@pytest.mark.parametrize(
    ("given", "word"),
    [({"classify": -1}, "classify"), ({"classify": 0, "faq": 0, "backlog": 0}, "at least one"),
     ({"classify": 9000}, "held-out")],
)  # fmt: skip
def test_a_workload_that_cannot_be_made_says_what_is_wrong(given, word):
    with pytest.raises(SavingsError, match=word):
        make_workload(**given)


def test_unknown_switches_and_missing_parts_are_named(parts):
    with pytest.raises(SavingsError, match="shrinking"):
        Switches.of("shrinking")
    for name, part in (("routing", "chooser"), ("batch", "jobs"), ("small_model", "small")):
        with pytest.raises(SavingsError, match=f"{name} needs `{part}`"):
            replay(WORK, Switches.of(name), replace(parts[0], **{part: None}))


def test_every_request_is_answered_once_and_the_export_counts_each_of_them(outcomes):
    for name, outcome in outcomes.items():
        assert [one.request for one in outcome.answers] == list(WORK.requests), name
        assert outcome.failed == 0
        saved = sum(used(outcome, f"{saver}_answers") for saver in ("exact_cache", "similar_cache", "coalesced"))
        assert used(outcome) + saved == len(WORK.requests), name
        assert used(outcome, feature="classify") == 12


def test_tokens_of_the_export_are_those_that_the_engines_read(parts, outcomes):
    tape = parts[0].tape
    baseline = outcomes["baseline"]
    said = [tape.answers[digest]["usage"] for digest in tape.asked[: len(WORK.requests)]]
    assert used(baseline, "input_tokens") == sum(one["prompt_tokens"] for one in said)
    assert used(baseline, "output_tokens") == sum(one["completion_tokens"] for one in said)


def test_every_distinct_request_is_generated_once_for_all_replays(parts, outcomes):
    tape, strong = parts[0].tape, parts[1]
    assert strong.calls == tape.recorded == len({digest_of(body) for body in strong.bodies})
    assert len(tape.asked) > 4 * tape.recorded


def test_routing_moves_live_messages_and_nothing_else(outcomes):
    found, before = outcomes["routing"], outcomes["baseline"]
    routed = [one for one in found.answers if one.tier == "small"]
    assert routed
    assert all(one.request.feature == "classify" and len(one.request.text) < 40 for one in routed)
    assert used(found, tier="small") == len(routed)
    assert used(found, feature="faq") == used(before, feature="faq")
    assert used(found, feature="backlog") == used(before, feature="backlog")


def test_a_routed_message_counts_the_tokens_that_an_api_would_have_read(parts):
    tape_model = parts[0].small_tokens
    routed = [r for r in WORK.of("classify") if len(r.text) < 40]
    replay(WORK, Switches.of("routing"), parts[0])
    long = {r.text: tape_model[r.text] for r in routed}
    replay(WORK, Switches.of("routing", "prompts"), parts[0])
    assert all(tape_model[text] < tokens for text, tokens in long.items())


def test_caching_answers_questions_again_and_counts_answers_to_another_question(outcomes):
    found, before = outcomes["caching"], outcomes["baseline"]
    assert found.exact_hits == used(found, "exact_cache_answers") > 0
    assert found.similar_hits == used(found, "similar_cache_answers") > 0
    assert all(one.request.feature == "faq" for one in found.answers if one.cache in ("hit", "similar"))
    wrong = [one for one in found.answers if one.cache == "similar" and one.similar_to != one.request.truth]
    assert len(wrong) == found.false_hits > 0  # the fake store has no guard
    assert all(one.correct is False for one in wrong)
    assert found.right() == before.right()


def test_two_replays_with_caches_have_the_same_hits(parts, outcomes):
    again = replay(WORK, Switches.of("caching"), parts[0])
    assert [one.cache for one in again.answers] == [one.cache for one in outcomes["caching"].answers]
    assert again.usage == outcomes["caching"].usage


def test_a_message_is_never_answered_by_a_similar_one():
    store = Watched(Likeness(0.1), frozenset({"may I pay by card"}))
    for text in ("my parcel is late", "may I pay by card"):
        store.keep("scope", text, b"said", 1.0)
    assert store.find("scope", "my parcel is late") is None
    assert store.find("scope", "may I pay by card").question == "may I pay by card"


def test_short_prompts_have_fewer_tokens_and_as_many_requests(outcomes):
    found, before = outcomes["prompts"], outcomes["baseline"]
    for feature in ("classify", "backlog", "faq"):
        assert used(found, feature=feature) == used(before, feature=feature)
        assert used(found, "input_tokens", feature=feature) < 0.6 * used(before, "input_tokens", feature=feature)


def test_the_backlog_is_batched_at_half_the_price_with_the_same_answers(outcomes):
    found, before = outcomes["batch"], outcomes["baseline"]
    assert used(found, batch=True) == used(found, feature="backlog") == 8
    assert used(found, "input_tokens", batch=True) == used(before, "input_tokens", feature="backlog")
    assert [one.text for one in found.answers] == [one.text for one in before.answers]
    share = cost_of([line for line in bill(before, PRICING).lines if line.feature == "backlog"])
    factor = model_price(PRICING.strong).batch
    assert factor < 1
    assert bill(before, PRICING).total - bill(found, PRICING).total == pytest.approx((1 - factor) * share)


def test_embeddings_are_paid_for_once_by_token_or_by_machine(outcomes):
    found, before = bill(outcomes["embeddings"], PRICING), bill(outcomes["baseline"], PRICING)
    assert [line.kind for line in before.lines].count("embedding") == 1
    assert before.hosting == 0 == [line.kind for line in found.lines].count("embedding")
    assert found.hosting == PRICING.hosting.cost(found.hosted_tokens)
    embedded = next(line for line in before.lines if line.kind == "embedding")
    assert embedded.input_tokens == pytest.approx(found.hosted_tokens)
    assert outcomes["embeddings"].embed_s > 0 == outcomes["baseline"].embed_s


def test_the_small_model_answers_the_backlog_and_costs_machines_not_tokens(outcomes):
    found = outcomes["small_model"]
    assert {one.tier for one in found.answers if one.request.feature == "backlog"} == {"small"}
    assert {one.text for one in found.answers if one.request.feature == "backlog"} == {"refund"}
    assert not [line for line in bill(found, PRICING).lines if line.feature == "backlog"]
    assert bill(found, PRICING).hosting > 0


def test_with_the_small_model_nothing_is_left_to_batch(rungs):
    last = rungs[-1].outcome
    assert last.switches.on == STRATEGIES
    assert used(last, batch=True) == 0


def test_the_sequence_ends_where_all_are_on_and_its_savings_add_up_to_the_fall_of_the_bill(rungs):
    first, last = rungs[0], rungs[-1]
    steps = [rung.saving for rung in rungs if rung.kind == "sequence"]
    assert sum(steps) == pytest.approx(first.bill.total - last.bill.total)
    alone = [rung.saving for rung in rungs if rung.kind == "alone"]
    assert sum(alone) > sum(steps)  # they overlap
    assert [row["strategy"] for row in rows(rungs)] == ["baseline", *STRATEGIES, *STRATEGIES]


def test_false_hits_are_refused_with_their_number_and_untouched_answers_are_not(rungs):
    by_name = {rung.name: rung for rung in rungs if rung.kind == "alone"}
    assert by_name["caching"].verdict == "refused"
    assert f"{by_name['caching'].outcome.false_hits} of" in by_name["caching"].reason
    assert [by_name[name].verdict for name in ("batch", "embeddings")] == ["accepted", "accepted"]


def test_a_loss_beyond_the_bound_is_refused_and_an_unknown_one_is_not_shown(outcomes):
    before = outcomes["baseline"]
    good = replace(before, answers=tuple(replace(a, text="good", correct=True) for a in before.answers))
    bad = replace(before, answers=tuple(replace(a, text="bad", correct=False) for a in before.answers))
    assert verdict_on(bad, good)[0] == "refused"
    assert "100.0%" in verdict_on(bad, good)[1]
    assert verdict_on(replace(good, answers=tuple(replace(a, text="x") for a in good.answers)), good)[0] == "not shown"
    assert verdict_on(good, good, max_loss=0.0)[0] == "accepted"  # the same words


def test_half_the_volume_costs_half_but_for_the_machines_that_must_be_there(outcomes):
    whole, half = (bill(outcomes["embeddings"], replace(PRICING, requests_per_month=n)) for n in (50e6, 25e6))
    assert half.api == pytest.approx(whole.api / 2)
    assert half.hosting == whole.hosting
    with pytest.raises(SavingsError, match="requests_per_month"):
        Pricing(PRICING.hosting, requests_per_month=0)


def test_time_that_passes_is_divided_among_those_who_run(monkeypatch):
    from reference.serving.savings import tape

    now = iter([10.0, 11.0, 15.0, 16.0])
    monkeypatch.setattr(tape.time, "perf_counter", lambda: next(now))
    shares = tape._Shares()
    shares.begin("a")
    shares.begin("b")
    assert shares.end("a") == 1 + 4 / 2
    assert shares.end("b") == 4 / 2 + 1


def test_the_rows_survive_their_record(rungs):
    found = rows(rungs)
    back = from_records(as_records(found))
    assert [row["verdict"] for row in back] == [row["verdict"] for row in found]
    for name in ("strategy", "kind", "n"):
        assert [row[name] for row in back] == [row[name] for row in found]
    for name in ("USD a month", "saving", "quality", "low", "high", "false hits"):
        assert [row[name] for row in back] == pytest.approx([row[name] for row in found], rel=1e-4)


def test_the_figure_says_what_the_rows_say(rungs):
    from workbook.figures import q5_running

    figure = q5_running.ladder(rows(rungs), 0.05, "50M requests")
    left, right = figure.axes
    alone = sum(rung.saving for rung in rungs if rung.kind == "alone")
    assert f"{alone / 1e3:,.0f}K in all" in left.get_title(loc="left")
    assert len(left.get_yticklabels()) == 7
    assert "n = 20" in right.get_xlabel()


def test_equal_requests_at_once_are_generated_once_and_all_are_answered():
    from concurrent.futures import ThreadPoolExecutor

    import httpx
    from savings_fakes import MODEL, engine_of, running_engine

    from reference.serving.savings import taped

    body = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 4}
    with running_engine(ttft=0.5) as strong, taped(engine_of(strong)) as tape, ThreadPoolExecutor(5) as pool:
        url = f"{tape.base_url}/chat/completions"
        said = list(pool.map(lambda _: httpx.post(url, json=body, timeout=30).json(), range(5)))
        assert strong.calls == tape.recorded == 1
        assert tape.played == 4
        assert len({one["choices"][0]["message"]["content"] for one in said}) == 1


def test_a_question_is_followed_by_the_next_only_when_its_answer_is_kept():
    import threading
    import time

    from savings_fakes import Likeness

    from reference.serving.savings.sending import Watched

    class Slow(Likeness):
        def keep(self, *args):
            time.sleep(0.2)
            super().keep(*args)

    store = Slow()
    watched = Watched(store, frozenset({"where?"}))
    keeping = threading.Thread(target=watched.keep, args=("s", "where?", b"there", 60.0))
    keeping.start()
    watched.wait_kept("where?")
    assert len(store.kept) == 1
    keeping.join()
