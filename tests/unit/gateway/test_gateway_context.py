"""The token budget is never exceeded, whatever is said; the newest message always survives."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reference.serving.gateway.context import Budget, extract, fit, grounded, render
from reference.serving.gateway.errors import GatewayError
from reference.serving.gateway.sessions import Conversation, Turn
from reference.serving.gateway.tokens import ByteTokenCounter

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=120)
TURN = st.builds(Turn, st.lists(TEXT, min_size=1, max_size=2).map(tuple), TEXT)
CONVERSATION = st.builds(
    Conversation, system=TEXT, summary=TEXT, folded=st.integers(0, 9), turns=st.lists(TURN, max_size=8).map(tuple)
)


def run_fit(counter, conversation, user, budget, summary="", **options):
    async def summarise(previous, turns, limit):
        if summary is None:
            raise RuntimeError("no engine")
        return summary

    defaults = {"window_turns": 6, "fold_to": 0.6, "summary_tokens": 24}
    return asyncio.run(fit(conversation, user, budget, counter=counter, summarise=summarise, **{**defaults, **options}))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["model", "bytes"])
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    conversation=CONVERSATION,
    user=st.lists(TEXT, min_size=1, max_size=2),
    total=st.integers(16, 700),
    answer=st.integers(1, 200),
    summary=st.none() | TEXT,
)
def test_prompt_and_answer_never_exceed_the_budget(counter, kind, conversation, user, total, answer, summary):
    count = counter if kind == "model" else ByteTokenCounter()
    budget = Budget(total, min(answer, total - 1))
    bare = Conversation(system=conversation.system)
    if count.count_prompt(render(bare, user)) + budget.answer > total:
        with pytest.raises(GatewayError, match="context_length_exceeded"):
            run_fit(count, conversation, user, budget, summary)
        return
    result, messages, size = run_fit(count, conversation, user, budget, summary)
    assert size == count.count_prompt(messages)
    assert size + budget.answer <= total
    assert [m["content"] for m in messages[-len(user) :]][-1].endswith(user[-1])
    assert result.system == conversation.system
    assert len(result.turns) <= 6
    # Every turn is either kept word for word, in order, or counted as folded.
    assert result.turns == conversation.turns[len(conversation.turns) - len(result.turns) :]
    assert result.folded - conversation.folded == len(conversation.turns) - len(result.turns)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(user=st.lists(TEXT, min_size=1, max_size=30), answer=st.integers(1, 60))
def test_a_conversation_of_any_length_stays_within_the_budget(counter, user, answer):
    conversation, budget = Conversation(system="be kind"), Budget(300, answer)
    for text in user:
        try:
            conversation, _, size = run_fit(counter, conversation, [text], budget)
        except GatewayError:
            continue
        assert size + answer <= 300
        conversation = conversation.with_turn(Turn((text,), "answer " * (answer // 2)))
    assert len(conversation.turns) <= 7


def test_what_fits_is_left_alone(counter):
    conversation = Conversation("sys", "before", 3, (Turn(("hi",), "hello"),))
    result, messages, _ = run_fit(counter, conversation, ["next"], Budget(4000, 100))
    assert result is conversation
    assert [m["role"] for m in messages] == ["system", "user", "assistant", "user"]


def test_folding_makes_room_for_several_turns_not_just_one(counter):
    turns = tuple(Turn((f"question {i} about foxes",), "the quick brown fox " * 4) for i in range(6))
    conversation = Conversation(turns=turns)
    full = counter.count_prompt(render(conversation, ["next"]))
    result, _, size = run_fit(counter, conversation, ["next"], Budget(full - 1 + 50, 50), window_turns=20)
    assert size <= 0.75 * (full - 1)
    assert 1 <= len(result.turns) <= 4


def test_the_summary_is_said_by_the_user_never_by_the_system():
    messages = render(Conversation("sys", "they like foxes", 2, ()), ["next"])
    assert messages[0] == {"role": "system", "content": "sys"}
    assert "they like foxes" in messages[1]["content"]
    assert messages[1]["role"] == "user"


class TestSummaries:
    turns = (Turn(("Which fox is brown? Tell me.",), "The quick fox is brown. It jumps."),)

    def test_extraction_keeps_first_sentences(self, counter):
        assert extract("", self.turns, 100, counter) == (
            "- User: Which fox is brown? Assistant: The quick fox is brown."
        )

    @settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(previous=TEXT, turns=st.lists(TURN, min_size=1, max_size=6), limit=st.integers(1, 80))
    def test_extraction_never_exceeds_its_limit(self, counter, previous, turns, limit):
        text = extract(previous, turns, limit, counter)
        assert counter.count_text(text) <= limit
        assert text == extract(previous, turns, limit, counter)

    def test_the_newest_turn_has_precedence(self, counter):
        turns = [Turn((f"topic {i} is dear to me",), "noted") for i in range(9)]
        text = extract("- User: old things", turns, 60, counter)
        assert "topic 8" in text
        assert "old things" not in text

    @pytest.mark.parametrize(
        ("summary", "good"),
        [
            ("The user asked which fox is brown.", True),
            ("Zebras conquered Saturn yesterday", False),
            ("", False),
            ("... ! ?", False),
            ("a b c", False),
        ],
    )
    def test_a_summary_of_words_never_said_is_weak(self, summary, good):
        assert grounded(summary, "the user asked things", self.turns) is good

    @pytest.mark.parametrize("summary", [None, "Zebras conquered Saturn yesterday", ""])
    def test_a_failed_or_weak_summariser_is_replaced_by_extraction(self, counter, summary):
        turns = tuple(Turn((f"question {i} about foxes",), "the quick brown fox " * 4) for i in range(6))
        methods = []
        result, _, _ = run_fit(
            counter, Conversation(turns=turns), ["next"], Budget(240, 20), summary, on_fold=methods.append
        )
        assert "question" in result.summary
        assert methods == ["extract_failed" if summary is None else "extract_weak"]
