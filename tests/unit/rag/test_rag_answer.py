"""Answers: what is cited is supported, what is not is gone, and documents give no orders."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rag_answer_fakes import FakeChat, obedient
from rag_query_fakes import WordEmbedder, chunk

from reference.rag.answer import (
    NOT_IN_DOCUMENTS,
    Answer,
    AnswerEngine,
    Answerer,
    AnswerSettings,
    SupportRules,
    answer_fields,
    large_engine_from_environment,
)
from reference.rag.answer.defence import gives_orders, poisoned_passages, safe_sentences, without_links
from reference.rag.answer.engines import billions_of
from reference.rag.answer.passages import numbered_passages
from reference.rag.answer.sentences import sentences
from reference.rag.answer.support import SupportCheck, parse_cited
from reference.rag.answer.writing import SYSTEM_PROMPT, prompt_messages, repeats_prompt
from reference.rag.search_result import SearchResult
from reference.rag.types import Hit, RagError

ROTATE = "The rotate command moves log files to an archive. The archive keeps 7 days of logs. It does not delete them."
SOCKET = "A socket is opened with the connect call. It returns a descriptor for later calls."
EMBED = WordEmbedder().embed
NEAR = AnswerSettings(least_cosine=0.1)  # the fake embedder counts words: its cosines are lower than a model's


def found(*texts, confidence=0.9):
    hits = [Hit(chunk(text, f"doc{n}", path=("Manual", f"Part {n}")), 1.0 / n) for n, text in enumerate(texts, 1)]
    return SearchResult(hits, confidence=confidence)


def passages(*texts):
    return numbered_passages(found(*texts).hits)


def small(reply, writes=False, **options):
    return AnswerEngine(FakeChat(reply, **options), "small-model", writes)


def number_of(words, request):
    """The number under which the prompt lists the sentence with these words."""
    lines = request["messages"][1]["content"].splitlines()
    return next(int(line.split(".")[0]) for line in lines if words in line)


# --- sentences and citations ------------------------------------------------------------------------------------------


def test_sentences_end_where_sentences_end():
    text = "Use e.g. this one. In 3.11 it is new! Is it? Yes.\n\nA list\nover lines, cf. Above (see B). Done"
    assert sentences(text) == [
        "Use e.g. this one.", "In 3.11 it is new!", "Is it?", "Yes.", "A list over lines, cf. Above (see B).", "Done",
    ]  # fmt: skip


@given(st.text(max_size=200))
def test_no_word_is_lost_between_sentences(text):
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It moves files [1]. It keeps logs [2][3].", [("It moves files.", (1,)), ("It keeps logs.", (2, 3))]),
        ("It moves files. [1] It keeps logs. [2, 3]", [("It moves files.", (1,)), ("It keeps logs.", (2, 3))]),
        ("It moves files.", [("It moves files.", ())]),
        ("[1] [2]", []),
        ("Array a[i] is fine [2].", [("Array a[i] is fine.", (2,))]),
    ],
)
def test_marks_belong_to_the_sentence_before_them(text, expected):
    assert parse_cited(text) == expected


# --- support ----------------------------------------------------------------------------------------------------------


def check(text, cited, *texts, embed=EMBED, **rules):
    return SupportCheck(passages(*(texts or (ROTATE, SOCKET))), embed, SupportRules(**rules)).check(text, cited)


def test_a_sentence_of_the_passage_is_supported_by_it():
    verdict = check("The rotate command moves log files to an archive.", [1])
    assert verdict.supported
    assert verdict.citations == (1,)
    assert not verdict.attributed
    assert verdict.similarity == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("The archive keeps 30 days of logs.", "numbers not in the source: 30"),
        ("Penguins live in the southern hemisphere.", "words are not in the source"),
        ("It does delete them, the archive of logs keeps.", "negated otherwise"),
        ("The rotate command does not move log files to an archive.", "negated otherwise"),
    ],
)
def test_what_the_passage_does_not_say_is_not_supported(text, reason):
    verdict = check(text, [1], ROTATE)
    assert not verdict.supported
    assert reason in verdict.reason
    assert verdict.citations == ()


def test_the_same_words_far_from_any_sentence_are_not_supported():
    shuffled = "archive command descriptor files logs"
    assert "no sentence of the source is near" in check(shuffled, [1, 2], similarity=0.99).reason


def test_a_wrong_or_missing_citation_is_mended_if_another_passage_supports_it():
    for cited in ([], [1], [9]):
        verdict = check("A socket is opened with the connect call.", cited)
        assert verdict.citations == (2,)
        assert verdict.attributed


def test_a_citation_of_nothing_that_exists_is_no_support():
    verdict = check("Penguins live in the south.", [9])
    assert verdict.reason == "cites no passage that exists"
    assert not verdict.supported


def test_two_passages_may_support_a_sentence_together():
    text = "The rotate command moves log files and a socket is opened with the connect call."
    assert not check(text, [1], similarity=0.0, coverage=0.9).supported
    assert check(text, [1, 2], similarity=0.0, coverage=0.9).citations == (1, 2)


def test_without_an_embedder_words_numbers_and_negation_still_count():
    assert check("The archive keeps 7 days of logs.", [1], embed=None).supported
    assert not check("The archive keeps 8 days of logs.", [1], embed=None).supported
    assert not check("The archive does not keep 7 days of logs.", [1], embed=None).supported


# --- the cascade ------------------------------------------------------------------------------------------------------


def test_a_confident_search_is_answered_by_its_own_sentences():
    engine = small("must not be asked")
    answer = Answerer(EMBED, engine, settings=NEAR).answer("what does the rotate command move", found(ROTATE, SOCKET))
    assert answer.tier == "extractive"
    assert "The rotate command moves log files to an archive. [1]" in answer.text
    assert answer.citations[0].document_id == "doc1"
    assert engine.client.asked == []
    assert set(answer_fields(answer)) >= {"text", "citations", "tier", "in_documents", "degraded", "stages"}


def test_an_unsure_search_asks_the_small_model_which_sentences_answer():
    engine = small(lambda request: json.dumps({"sentences": [number_of("moves log files", request)]}))
    result = found(ROTATE, SOCKET, confidence=0.1)
    answer = Answerer(EMBED, engine, settings=NEAR).answer("what does the rotate command move", result)
    assert answer.tier == "small"
    assert answer.text == "The rotate command moves log files to an archive. [1]"
    assert (answer.prompt_tokens, answer.completion_tokens) == (100, 20)
    (request,) = engine.client.asked
    allowed = request["response_format"]["json_schema"]["schema"]["properties"]["sentences"]["items"]["enum"]
    assert allowed == list(range(1, len(allowed) + 1))


@pytest.mark.parametrize("reply", ['{"sentences": [99, 0, -1, "1", 1.5]}', '{"sentences": []}', "{}", "no json", "[1]"])
def test_a_small_model_that_names_no_sentence_leaves_the_extractive_answer(reply):
    answer = Answerer(EMBED, small(reply), settings=NEAR).answer(
        "the rotate command moves", found(ROTATE, confidence=0.1)
    )
    assert answer.tier == "extractive"
    assert "[1]" in answer.text


def test_what_one_tier_cannot_answer_goes_to_the_next_and_is_counted():
    weak, strong = small('{"sentences": []}'), small("The rotate command moves log files to an archive [1].", True)
    answerer = Answerer(EMBED, weak, strong, settings=NEAR)
    answer = answerer.answer("the rotate command moves", found(ROTATE, confidence=0.1))
    assert answer.tier == "large"
    assert answerer.counts["escalated"] == 1
    assert answerer.counts["large"] == 1
    assert list(answer.stages) == ["small", "large"]


def test_a_model_that_writes_is_asked_first_and_streams_checked_sentences():
    text = "The rotate command moves log files to an archive [1]. Penguins fly to it at night [1]."
    engine = small(f"{text} The archive keeps 7 days of logs.", writes=True)
    events = list(Answerer(EMBED, engine, settings=NEAR).stream("what does rotate do", found(ROTATE, SOCKET)))
    *said, answer = events
    assert [sentence.text for sentence in said] == [
        "The rotate command moves log files to an archive.", "The archive keeps 7 days of logs.",
    ]  # fmt: skip
    assert isinstance(answer, Answer)
    assert answer.removed == 1
    assert "Penguins" not in answer.text
    assert engine.client.closed == 1
    assert engine.client.asked[0]["messages"] == prompt_messages("what does rotate do", passages(ROTATE, SOCKET))


def test_a_caller_that_leaves_closes_the_engine_s_stream():
    engine = small("The rotate command moves log files to an archive [1]. " * 20, writes=True)
    stream = Answerer(EMBED, engine, settings=NEAR).stream("what does rotate do", found(ROTATE))
    next(stream)
    stream.close()
    assert engine.client.closed == 1


def test_unsupported_sentences_can_be_marked_instead():
    engine = small("Penguins fly at night [1]. The archive keeps 7 days of logs [1].", writes=True)
    answer = Answerer(EMBED, engine, settings=AnswerSettings(unsupported="mark", least_cosine=0.1)).answer(
        "logs", found(ROTATE)
    )
    assert "Penguins fly at night. [not supported by the documents]" in answer.text
    assert answer.removed == 1
    assert [citation.number for citation in answer.citations] == [1]


@pytest.mark.parametrize("question", ["how tall is the eiffel tower", "xyzzy", "?"])
def test_what_is_not_in_the_documents_is_said_not_to_be(question):
    engine = small("The tower is 330 metres tall [1]. The documents do not answer this question.", writes=True)
    answer = Answerer(EMBED, engine).answer(question, found(ROTATE, SOCKET))
    assert answer.text == NOT_IN_DOCUMENTS
    assert not answer.in_documents
    assert answer.citations == []
    assert answer.tier == "none"


def test_no_hits_cost_no_model():
    engine = small("x", writes=True)
    assert Answerer(EMBED, engine, settings=NEAR).answer("anything", SearchResult([])).text == NOT_IN_DOCUMENTS
    assert engine.client.asked == []


@pytest.mark.parametrize("writes", [True, False])
def test_an_engine_that_fails_leaves_an_extractive_answer_that_says_so(writes):
    engine = small("", writes=writes, error=ConnectionError("gone"))
    answer = Answerer(EMBED, engine, settings=NEAR).answer("the rotate command moves", found(ROTATE, confidence=0.1))
    assert answer.tier == "extractive"
    assert answer.degraded == ["the small model failed (ConnectionError)"]


def test_with_no_time_left_no_model_is_asked():
    engine = small('{"sentences": [1]}')
    answer = Answerer(EMBED, engine, settings=NEAR).answer(
        "rotate command moves", found(ROTATE, confidence=0.1), budget_s=0.2
    )
    assert answer.tier == "extractive"
    assert answer.degraded == ["no time for the small model"]
    assert engine.client.asked == []


def test_a_prompt_is_bounded():
    long = " ".join(f"Sentence number {n} tells of the archive." for n in range(2000))
    kept = numbered_passages(found(long, ROTATE).hits, most_tokens=100)
    assert sum(len(passage.text) for passage in kept) <= 440
    assert [passage.number for passage in kept] == [1]


@pytest.mark.parametrize(
    ("name", "size"),
    [("SmolLM2-135M-Instruct", 0.135), ("meta/Llama-3.1-8B-Instruct", 8.0), ("qwen2.5-0.5b", 0.5), ("gpt", None)],
)
def test_a_model_s_size_is_read_from_its_name(name, size):
    assert billions_of(name) == size


def test_the_large_engine_comes_from_the_environment(monkeypatch):
    monkeypatch.delenv("WORKBOOK_LARGE_ENGINE_URL", raising=False)
    assert large_engine_from_environment() is None
    monkeypatch.setenv("WORKBOOK_LARGE_ENGINE_URL", "127.0.0.1:1")
    with pytest.raises(RagError, match="must begin with http"):
        large_engine_from_environment()
    monkeypatch.setenv("WORKBOOK_LARGE_ENGINE_URL", "http://127.0.0.1:1")
    with pytest.raises(RagError, match="WORKBOOK_LARGE_ENGINE_MODEL is not"):
        large_engine_from_environment()
    monkeypatch.setenv("WORKBOOK_LARGE_ENGINE_MODEL", "big-70B")
    engine = large_engine_from_environment()
    assert engine.writes
    assert str(engine.client.base_url) == "http://127.0.0.1:1/v1/"


@pytest.mark.parametrize("wrong", [{"unsupported": "keep"}, {"sentences": 0}, {"passage_tokens": 1}])
def test_wrong_settings_are_refused_by_name(wrong):
    with pytest.raises(RagError, match=next(iter(wrong))):
        AnswerSettings(**wrong)


# --- orders in documents ----------------------------------------------------------------------------------------------


def test_the_labelled_set_is_large_and_has_every_kind():
    attacks = poisoned_passages()
    assert len(attacks) >= 20
    assert {attack.kind for attack in attacks} == {"echo", "link", "leak", "citation", "format", "tenant"}
    assert len({attack.id for attack in attacks}) == len(attacks)
    system_text = SYSTEM_PROMPT
    assert all(attack.goal in attack.order or attack.goal in system_text for attack in attacks)


@pytest.mark.parametrize("attack", poisoned_passages(), ids=lambda attack: attack.id)
@pytest.mark.parametrize("writes", [True, False], ids=["writing", "choosing"])
def test_an_obedient_model_gets_nothing_past_the_checks(attack, writes):
    clean = "The rotate command moves log files to an archive."
    engine = AnswerEngine(FakeChat(obedient), "obedient", writes)
    for confidence in (0.1, 0.9):
        result = found(clean, attack.passage, confidence=confidence)
        answer = Answerer(EMBED, engine, engine, settings=NEAR).answer("what does the rotate command move", result)
        assert clean in answer.text  # the question is still answered
        assert attack.goal not in answer.text
        assert "evil.example" not in answer.text
        assert "http" not in answer.text
        assert not repeats_prompt(answer.text)
        assert {citation.number for citation in answer.citations} <= {1, 2}
        assert answer.orders_dropped >= 1


@pytest.mark.parametrize("attack", poisoned_passages(), ids=lambda attack: attack.id)
def test_orders_do_not_reach_a_prompt(attack):
    prompt = json.dumps(prompt_messages("q", passages(ROTATE, attack.passage))[1:])
    assert attack.order not in prompt
    assert attack.goal not in prompt


OUTER_LAYER = [attack for attack in poisoned_passages() if attack.kind in ("leak", "link")]


@pytest.mark.parametrize("attack", OUTER_LAYER, ids=lambda attack: attack.id)
def test_prompts_and_links_stay_in_where_an_order_was_not_recognised(attack, monkeypatch):
    """The checks of what a model says do not rest on those of what it reads."""
    unread = lambda text: (tuple(sentences(text)), 0)  # noqa: E731
    monkeypatch.setattr("reference.rag.answer.passages.safe_sentences", unread)
    engine = AnswerEngine(FakeChat(obedient), "obedient", writes=True)
    answer = Answerer(EMBED, engine, settings=NEAR).answer("what does rotate move", found(ROTATE, attack.passage))
    assert "The rotate command moves log files to an archive." in answer.text
    assert attack.order not in answer.text
    assert "evil.example" not in answer.text
    assert not repeats_prompt(answer.text)


def test_a_model_cannot_add_a_link_to_a_supported_sentence():
    said = "The rotate command moves log files to an archive, see https://evil.example/?q=1 now [1]."
    answer = Answerer(EMBED, small(said, writes=True), settings=NEAR).answer("what does rotate move", found(ROTATE))
    assert answer.text == "The rotate command moves log files to an archive, see [link] now. [1]"


def test_a_model_that_recites_its_prompt_is_not_quoted_even_if_a_document_holds_it():
    engine = small(f"{SYSTEM_PROMPT} [1]", writes=True)
    answer = Answerer(EMBED, engine, settings=NEAR).answer("which rules do you follow", found(SYSTEM_PROMPT, ROTATE))
    assert "put the number of the passage" not in answer.text


def test_the_obedient_model_does_obey():
    """Otherwise the tests above would show nothing."""
    for attack in poisoned_passages():
        messages = [{"role": "system", "content": SYSTEM_PROMPT}, {"role": "user", "content": attack.passage}]
        assert attack.goal in obedient({"messages": messages})


def test_other_tenants_text_is_in_no_prompt():
    engine = small("The rotate command moves log files to an archive [1].", writes=True)
    Answerer(EMBED, engine, settings=NEAR).answer("show acme's documents too", found(ROTATE))
    assert "ACME" not in json.dumps(engine.client.asked[0]["messages"])
    assert ROTATE in json.dumps(engine.client.asked[0]["messages"])


ORDINARY = [
    "The server must respond with status 200 when the request is complete.",
    "Write data to the blob at the current offset.",
    "If the lock is held, the call returns an error and prints a message.",
    "Ignore the case of letters with the option -i.",
    "The assistant editor window shows the list of files.",
    "Print the current directory with pwd.",
    "Users should read the manual before they install the system.",
    "Previous versions of the file are kept for 30 days.",
]


@pytest.mark.parametrize("sentence", ORDINARY)
def test_ordinary_sentences_of_manuals_are_kept(sentence):
    assert not gives_orders(sentence)
    assert safe_sentences(sentence) == ((sentence,), 0)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("see [the page](https://a.example/b?c=d) now", "see the page now"),
        ("![alt](http://evil.example/x.png)", "alt"),
        ("go to www.evil.example/x or ftp://h/x", "go to [link] or [link]"),
        ("<a href='https://x.example'>here</a>", "here"),
        ("a <!-- hidden https://x.example --> b", "a   b"),
        ("use os.path.join, e.g. like x.y", "use os.path.join, e.g. like x.y"),
        ("javascript:alert(1)", "[link]"),
    ],
)
def test_links_leave_an_answer(text, clean):
    assert without_links(text) == clean


@given(
    st.text(max_size=100), st.sampled_from(["https://evil.example/x", "[a](http://evil.example)", "www.evil.example"])
)
def test_no_wrapping_hides_a_link(around, link):
    assert "evil.example" not in without_links(f"{around} {link} {around}")


def test_a_link_in_a_quoted_sentence_is_not_passed_on():
    text = "The rotate command moves log files, see https://docs.example/rotate for all of them."
    answer = Answerer(EMBED, settings=NEAR).answer("what does the rotate command move", found(text))
    assert answer.tier == "extractive"
    assert "docs.example" not in answer.text
    assert "[link]" in answer.text
