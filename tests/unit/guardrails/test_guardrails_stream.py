import random

import pytest
from guardrails_support import PROMPT, chunked, texts
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.serving.guardrails import Guardrails
from reference.serving.guardrails.datasets import load
from reference.serving.guardrails.segments import LIMIT

GUARD = Guardrails.default()


def streamed(chunks: list[str], system_prompt: str | None):
    stream = GUARD.stream_guard(system_prompt)
    out = "".join([stream.feed(c) for c in chunks]) + stream.flush()
    return out, stream.findings, stream.action


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(texts, st.data())
def test_streamed_output_does_not_depend_on_the_chunks(text, data):
    whole = GUARD.check_output(text, PROMPT)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=20)))
    chunks = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert streamed(chunks, PROMPT) == (whole.text, whole.findings, whole.action)


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 2, 7])
@pytest.mark.parametrize("kind", ["pii", "secrets", "leak"])
def test_labelled_examples_stream_as_they_are_checked_whole(kind, size):
    for example in load(kind):
        prompt = example.prompt or None
        whole = GUARD.check_output(example.text, prompt)
        assert streamed(chunked(example.text, size), prompt) == (whole.text, whole.findings, whole.action)


@pytest.mark.slow
def test_long_texts_stream_as_they_are_checked_whole(token):
    kind = "PRIVATE" + " KEY"
    pem = f"-----BEGIN RSA {kind}-----\n" + "\n".join([token(64)] * 20) + f"\nab==\n-----END RSA {kind}-----\n"
    parts = ["7 " * 400, "x" * 1500, "ann@mail.example ", pem, "4111 1111 1111 1111 " * 40, token(900), "é\u0301" * 400]
    for seed in range(15):
        source = random.Random(seed)
        source.shuffle(parts)
        text = " and ".join(parts)
        whole = GUARD.check_output(text, None)
        chunks, position = [], 0
        while position < len(text):
            step = source.choice([1, 3, 10, 60, 700])
            chunks.append(text[position : position + step])
            position += step
        assert streamed(chunks, None) == (whole.text, whole.findings, whole.action)


@pytest.mark.parametrize("size", [1, 100])
def test_a_leak_inside_a_huge_word_is_cut_at_the_same_place(prompt, size):
    text = "x." * 1500 + prompt.replace(" ", ".")
    whole = GUARD.check_output(text, prompt)
    assert whole.action == "block"
    assert whole.text
    assert streamed(chunked(text, size), prompt) == (whole.text, whole.findings, "block")


def test_an_emoji_stuck_to_a_leak_is_part_of_its_word_in_every_chunking(prompt):
    text = "🏽" + prompt
    whole = GUARD.check_output(text, prompt)
    assert streamed(chunked(text, 1), prompt) == (whole.text, whole.findings, "block")


def test_a_secret_split_at_any_place_never_shows():
    text = "write to ann.lee@mail.example today"
    for cut in range(len(text)):
        stream = GUARD.stream_guard()
        shown = [stream.feed(text[:cut]), stream.feed(text[cut:]), stream.flush()]
        assert "".join(shown) == "write to [EMAIL] today"


def test_plain_words_come_out_when_the_next_word_begins():
    stream = GUARD.stream_guard()
    assert stream.feed("Hello there") == "Hello "
    assert stream.feed(" my") == "there "
    assert stream.flush() == "my"


@pytest.mark.slow
def test_held_back_text_stays_below_a_window():
    for unit in ("x", "7 ", "password ", "-----BEGIN ", "(at) ", "+"):
        stream, shown, fed = GUARD.stream_guard(), 0, 0
        for piece in chunked(unit * 2000, 50):
            fed += len(piece)
            shown += len(stream.feed(piece))
            swallowed = sum(f.end - f.start - len(f.label) for f in stream.findings)
            assert fed - shown - swallowed <= LIMIT + 60, unit


def test_one_endless_word_is_not_held_back_without_end(prompt):
    stream = GUARD.stream_guard(prompt)
    shown = sum(len(stream.feed("x.")) for _ in range(3000))
    assert shown >= 6000 - 2048 - LIMIT


def test_nothing_comes_out_after_a_block(prompt):
    stream = GUARD.stream_guard(prompt)
    shown = stream.feed("Sure: " + prompt + " and ann@mail.example")
    assert stream.blocked
    assert stream.action == "block"
    assert shown == "Sure: "
    assert stream.feed("more text") == ""
    assert stream.flush() == ""


def test_text_before_a_leak_is_redacted(prompt):
    decision = GUARD.check_output("Mail ann@mail.example. " + prompt, prompt)
    assert decision.text == "Mail [EMAIL]. "
    assert {f.kind for f in decision.findings} == {"pii", "leak"}


def test_feeding_a_closed_stream_is_an_error():
    stream = GUARD.stream_guard()
    stream.feed("a")
    stream.flush()
    assert stream.flush() == ""
    with pytest.raises(ValueError, match="new stream guard"):
        stream.feed("b")


def test_deltas_must_be_text():
    with pytest.raises(TypeError, match="delta must be a str"):
        GUARD.stream_guard().feed(b"bytes")
