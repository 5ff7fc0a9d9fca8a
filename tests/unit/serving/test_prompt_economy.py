from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.serving.prompt_economy import (
    SYSTEMS,
    VARIANTS,
    Examples,
    Measured,
    PromptError,
    Reply,
    Variant,
    accepted,
    as_records,
    from_records,
    intent_in,
    loss,
    measure,
    pareto,
    request_body,
    table,
    usd_per_thousand,
)
from reference.serving.prompt_economy.verdict import judged, loss_of
from reference.serving.rollout.versions.task import INTENTS, Case, make
from reference.sizing.bill.prices import model_price

CASES = make(80, seed=7, test=False)


def vectors(texts):
    """One axis per text of CASES, so that a text is nearest to itself."""
    known = {case.text: number for number, case in enumerate(CASES)}
    found = np.zeros((len(texts), len(CASES)), dtype=np.float32)
    for row, text in enumerate(texts):
        found[row, known[text]] = 1.0
    return found


def measured(right, name="short", tokens=(100, 0, 3)):
    return Measured(Variant(name), tuple(Reply("refund" if one else "x", bool(one), *tokens) for one in right))


def test_the_verbose_system_prompt_has_four_times_the_tokens_of_the_terse_one():
    from tokenizers import Tokenizer

    from reference.serving.models import default_model_dir

    count = Tokenizer.from_file(str(default_model_dir() / "tokenizer.json")).encode
    verbose, terse = len(count(SYSTEMS["verbose"]).ids), len(count(SYSTEMS["terse"]).ids)
    assert 190 <= verbose <= 215
    assert 45 <= terse <= 55
    assert all(intent in SYSTEMS[name] for name in ("verbose", "terse") for intent in INTENTS)


def test_the_nearest_example_stands_last_before_the_message():
    shown = Examples(CASES, vectors).chosen(Variant("v", examples=3), [CASES[5].text])[0]
    assert len(shown) == 3
    assert shown[-1] == CASES[5]
    body = request_body(Variant("v", examples=3), "m", "hello", shown)
    assert [m["role"] for m in body["messages"]] == ["system", *["user", "assistant"] * 3, "user"]
    assert body["messages"][-2]["content"] == CASES[5].intent
    assert body["messages"][-1]["content"] == "hello"


def test_fixed_examples_have_every_intent_before_one_comes_twice():
    shown = Examples(CASES).chosen(Variant("v", examples=8, choosing="fixed"), ["a", "b"])
    assert {case.intent for case in shown[0]} == set(INTENTS)
    assert shown[0] == shown[1]


@pytest.mark.parametrize("form", ["choice", "json", "explained"])
def test_examples_answer_in_the_form_that_is_asked_for_and_their_intent_can_be_read_back(form):
    body = request_body(Variant("v", form=form), "m", "hello", CASES[:8])
    said = [m["content"] for m in body["messages"] if m["role"] == "assistant"]
    assert [intent_in(one) for one in said] == [case.intent for case in CASES[:8]]
    assert len({one.split(CASES[0].intent)[-1] for one in said[:1]}) == 1
    assert body["temperature"] == 0


def test_bounded_answers_can_only_be_intents_and_free_ones_are_longer():
    choice, schema, free = (request_body(Variant("v", form=f), "m", "x") for f in ("choice", "json", "explained"))
    assert choice["structured_outputs"] == {"choice": list(INTENTS)}
    assert schema["response_format"]["json_schema"]["schema"]["properties"]["intent"]["enum"] == list(INTENTS)
    assert "structured_outputs" not in free
    assert "response_format" not in free
    assert choice["max_tokens"] < schema["max_tokens"] < free["max_tokens"]


def test_the_intent_named_first_counts_and_parts_of_words_do_not():
    assert intent_in("Billing, not a refund.") == "billing"
    assert intent_in('{"intent":"cancel"}') == "cancel"
    assert intent_in("byproduct, productive, accounts") == ""


@pytest.mark.parametrize(
    ("make_it", "word"),
    [
        (lambda: Variant("v", system="polite"), "system"),
        (lambda: Variant("v", form="xml"), "form"),
        (lambda: Variant("v", choosing="random"), "choosing"),
        (lambda: Variant("v", examples=-1), "examples"),
        (lambda: Examples(CASES[:3]), "cases"),
        (lambda: Examples(CASES).chosen(Variant("v"), ["a"]), "embed"),
        (lambda: Examples(CASES, vectors).chosen(Variant("v", examples=81), ["a"]), "examples"),
        (lambda: loss_of("a", "b", [True], []), "replies"),
        (lambda: judged(loss_of("a", "b", [True], [True]), 1.5), "max_loss"),
    ],
)
def test_what_cannot_be_used_is_named(make_it, word):
    with pytest.raises(PromptError, match=word):
        make_it()


def test_no_variant_is_compared_twice_under_one_name():
    assert len({one.name for one in VARIANTS}) == len(VARIANTS)
    assert len({(one.system, one.examples, one.choosing, one.form) for one in VARIANTS}) == len(VARIANTS)


PAIRS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=200)


@pytest.mark.slow
@given(PAIRS)
def test_losing_one_way_is_winning_the_other_way(pairs):
    mine, theirs = [a for a, _ in pairs], [b for _, b in pairs]
    there, back = loss_of("a", "b", mine, theirs), loss_of("b", "a", theirs, mine)
    assert there.loss == -back.loss == (sum(theirs) - sum(mine)) / len(pairs)
    assert (there.lost, there.won) == (back.won, back.lost)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
    assert -1 <= there.low <= there.high <= 1


@given(PAIRS, st.floats(0, 1))
def test_a_variant_is_accepted_exactly_when_the_bound_of_its_loss_is_allowed(pairs, most):
    found = judged(loss_of("a", "b", [a for a, _ in pairs], [b for _, b in pairs]), most)
    assert found.accepted == (found.loss.high <= most)
    assert f"{found.loss.high:.1%}" in found.reason


def test_too_few_messages_refuse_even_a_variant_that_lost_nothing():
    few, many = measured([1] * 20), measured([1] * 400)
    assert not accepted(few, few, 0.05).accepted
    assert "not shown" in accepted(few, few, 0.05).reason
    assert accepted(many, many, 0.05).accepted


def test_a_clear_loss_is_refused_with_its_number():
    verdict = accepted(measured([1, 0] * 200), measured([1] * 400), 0.05)
    assert not verdict.accepted
    assert verdict.reason.startswith("refused: +50.0%")


def test_an_answer_that_failed_counts_as_wrong_and_has_no_tokens():
    def create(**body):
        if body["messages"][-1]["content"] == CASES[1].text:
            raise TimeoutError("late")
        usage = SimpleNamespace(
            prompt_tokens=50, completion_tokens=2, prompt_tokens_details=SimpleNamespace(cached_tokens=16)
        )
        message = SimpleNamespace(content=CASES[0].intent)
        return SimpleNamespace(choices=[SimpleNamespace(message=message)], usage=usage)

    client = SimpleNamespace(chat=SimpleNamespace(completions=SimpleNamespace(create=create)))
    cases = (CASES[0], CASES[1], Case("other", "praise" if CASES[0].intent != "praise" else "refund", "plain"))
    found = measure(Variant("v", examples=0), cases, client, "m", Examples(CASES))
    assert [one.correct for one in found.replies] == [True, False, False]
    assert (found.failed, found.quality, found.mean("input"), found.mean("cached")) == (1, 1 / 3, 50, 16)
    assert "late" in found.replies[1].error


def test_tokens_of_answers_that_never_came_are_not_told_and_the_reason_is():
    silent = Measured(Variant("short"), (Reply("", False, error="APIConnectionError: refused"),) * 3)
    with pytest.raises(PromptError, match="none of 3 to short was answered: APIConnectionError"):
        table([silent], silent, model_price("gpt-4"), 0.05)


def test_dollars_are_tokens_at_list_prices_and_cached_ones_only_count_where_asked():
    price = model_price("gpt-4o")
    one = measured([1] * 4, tokens=(1000, 400, 10))
    plain = (1000 * price.input + 10 * price.output) / 1e3
    assert usd_per_thousand(one, price) == pytest.approx(plain)
    assert usd_per_thousand(one, price, cached=True) == pytest.approx(plain - 400 * (price.input - price.cached) / 1e3)


POINTS = st.lists(st.tuples(st.floats(0, 100), st.floats(0, 1)), min_size=1, max_size=30)


@given(POINTS)
def test_whatever_is_not_on_the_front_is_beaten_by_something_that_is(points):
    front = pareto(points)
    assert any(front)
    best = [point for point, on in zip(points, front, strict=True) if on]
    for point, on in zip(points, front, strict=True):
        beaten = any(c <= point[0] and q >= point[1] and (c, q) != point for c, q in best)
        assert beaten != on


def test_a_table_survives_its_record():
    some = [measured([1] * 300 + [0] * 20, "as found", (400, 0, 20)), measured([1] * 320, "short", (100, 0, 3)),
            measured([1, 0] * 160, "bad", (50, 0, 3))]  # fmt: skip
    rows = table(some, some[0], model_price("gpt-4"), 0.05)
    back = from_records(as_records(rows), 0.05)
    assert [row["accepted"] for row in back] == [row["accepted"] for row in rows] == [True, True, False]
    assert [row["pareto"] for row in back] == [row["pareto"] for row in rows] == [False, True, True]
    for name in ("input tokens", "quality", "low", "high", "loss", "loss at most", "n"):
        assert [row[name] for row in back] == pytest.approx([row[name] for row in rows], rel=1e-4)
    assert loss(some[1], some[0]).won == 20
