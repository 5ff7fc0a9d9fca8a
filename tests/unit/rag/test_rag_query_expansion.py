"""Variants of a query: by rules and by a model that is held to a schema."""

import json
import threading
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rag_query_fakes import MemoryLexical, chunk

from reference.rag.expansion import (
    ExpansionError,
    LlmExpander,
    RuleExpander,
    expand_all,
    feedback_terms,
    gerund,
    heading_wording,
    key_words,
)
from reference.rag.types import PUBLIC, Hit


class FakeClient:
    """The part of the openai client that is used; answers with `text` and remembers what it was asked."""

    def __init__(self, text='{"queries": ["one way", "another way", "third way"]}', error=None, usage=(31, 17)):
        self.text, self.error, self.usage, self.asked = text, error, usage, []
        self.chat = SimpleNamespace(completions=SimpleNamespace(create=self.create))

    def create(self, **request):
        self.asked.append(request)
        if self.error:
            raise self.error
        message = SimpleNamespace(message=SimpleNamespace(content=self.text))
        usage = SimpleNamespace(prompt_tokens=self.usage[0], completion_tokens=self.usage[1]) if self.usage else None
        return SimpleNamespace(choices=[message], usage=usage)


@pytest.mark.parametrize(
    ("query", "heading"),
    [
        ("How do I rename a file?", "renaming a file"),
        ("how can I set the time zone", "setting the time zone"),
        ("How to use tied hashes?", "using tied hashes"),
        ("What is a closure?", "closure"),
        ("Why does my program hang?", "program hang"),
        ("Can I open two files?", "opening two files"),
        ("installing packages", "installing packages"),
        ("how?", "how"),
    ],
)
def test_a_question_becomes_the_wording_of_a_heading(query, heading):
    assert heading_wording(query) == heading


@pytest.mark.parametrize(
    ("verb", "form"),
    [("make", "making"), ("set", "setting"), ("tie", "tying"), ("open", "opening"), ("see", "seeing"),
     ("read", "reading"), ("fix", "fixing"), ("string", "string")],
)  # fmt: skip
def test_gerunds_follow_the_spelling_rules(verb, form):
    assert gerund(verb) == form


def test_key_words_keep_code_whole_and_drop_function_words():
    assert key_words("how do I use std::sort with C++ and $HOME in a.b?") == ["use", "std::sort", "C++", "$HOME", "a.b"]


def test_feedback_takes_words_that_two_passages_share():
    hits = [
        Hit(chunk("move or rename with the mv command"), 1.0),
        Hit(chunk("the mv command can move folders"), 0.9),
        Hit(chunk("unrelated words entirely"), 0.5),
    ]
    assert feedback_terms("rename a file", hits, 2) == ["title", "command"]
    assert feedback_terms("rename a file", hits, 9) == ["title", "command", "move"]


def test_rules_make_three_variants_within_the_tenants():
    index = MemoryLexical([chunk("rename with move command", "a"), chunk("move command to rename", "b")])
    seen = []

    def feedback(query, tenants):
        seen.append(tuple(tenants))
        return index.search([query], 3, tenants)[0]

    made = RuleExpander(feedback).expand("How do I rename a directory?", (PUBLIC,), None)
    assert made.variants[:2] == ("rename directory", "renaming a directory")
    assert made.variants[2].startswith("rename directory ")
    assert seen == [(PUBLIC,)]
    assert made.method == "rules"
    assert made.prompt_tokens == made.completion_tokens == 0


@given(st.text(max_size=120))
def test_rules_never_fail_and_never_repeat_the_query(query):
    variants = RuleExpander().expand(query, (PUBLIC,), None).variants
    assert query.casefold().strip() not in {variant.casefold() for variant in variants}
    assert len(set(variants)) == len(variants) <= 3


def test_the_model_is_asked_for_bounded_strings_and_its_tokens_are_counted():
    client = FakeClient()
    made = LlmExpander(client, "small").expand("rename a file", (PUBLIC,), 2.0)
    assert made.variants == ("one way", "another way", "third way")
    assert (made.prompt_tokens, made.completion_tokens, made.method) == (31, 17, "llm")
    (request,) = client.asked
    items = request["response_format"]["json_schema"]["schema"]["properties"]["queries"]
    assert (items["minItems"], items["maxItems"], items["items"]["maxLength"]) == (3, 3, 120)
    assert request["timeout"] == 2.0
    assert request["max_tokens"] <= 200
    assert [message["role"] for message in request["messages"]] == ["system", "user"]
    assert "rename a file" not in request["messages"][0]["content"]


@pytest.mark.parametrize(
    "text", ["", "no json", '{"queries": "one"}', "[]", '{"queries": [1, 2]}', '{"queries": ["cut off', "null"]
)
def test_a_reply_against_the_schema_is_an_error_or_the_rules(text):
    with pytest.raises(ExpansionError, match="made no variants"):
        LlmExpander(FakeClient(text), "small").expand("how do I rename files", (PUBLIC,), None)
    made = LlmExpander(FakeClient(text), "small", RuleExpander()).expand("how do I rename files", (PUBLIC,), None)
    assert made.method == "rules"
    assert "variants by rules" in made.note


def test_an_engine_that_ignores_the_bounds_is_bounded_here():
    text = json.dumps({"queries": [f"{n} " + "x" * 5000 for n in range(9)]})
    variants = LlmExpander(FakeClient(text), "small").expand("rename", (PUBLIC,), None).variants
    assert len(variants) == 3
    assert max(len(variant) for variant in variants) <= 120


def test_an_engine_without_usage_counts_nothing():
    assert LlmExpander(FakeClient(usage=None), "small").expand("rename", (PUBLIC,), None).prompt_tokens == 0


class Meeting:
    """An expander whose calls all wait for each other: only calls made at once get through."""

    concurrent = True

    def __init__(self, parties):
        self.barrier = threading.Barrier(parties)

    def expand(self, query, tenants, budget_s):
        if query == "bad":
            raise ValueError("bad")
        self.barrier.wait(10)
        return RuleExpander().expand(query, tenants, budget_s)


def test_several_queries_wait_for_the_engine_together_and_fail_alone():
    jobs = [(query, (PUBLIC,), None) for query in ("how do I a", "bad", "how do I b", "how do I c")]
    results = expand_all(Meeting(3), jobs)
    assert [isinstance(result, ValueError) for result in results] == [False, True, False, False]
