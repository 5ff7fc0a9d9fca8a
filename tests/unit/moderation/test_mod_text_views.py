from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.moderation.text import language
from reference.moderation.text.keys import key_of, keys
from reference.moderation.text.views import MAX_CHARACTERS, folded_view, plain_view, readable, views
from reference.moderation.types import ModerationError

ANY = st.text(st.characters(exclude_categories=()), max_size=60)  # surrogates too
SPITEFUL = st.text("zorgle013457@$!|+ .-_\u200b\u0301\u202e\u202cрⓩßİıſﬁ", max_size=40)


@pytest.mark.parametrize(
    "disguised",
    [
        "z0rgl3", "ZORGLE", "ｚｏｒｇｌｅ", "z\u200bo\u200br\u200bg\u200bl\u200be", "Ⓩⓞⓡⓖⓛⓔ", "z.o.r g-l e",
        "zorrrrgle", "zооrgle".replace("oo", "o"), "zσrgle", "𝔷𝔬𝔯𝔤𝔩𝔢", "z̴̢o̷r̶g̵le", "\u202eelgroz\u202c",
        "z o r g l e", "zörglé", "z\x00orgle",
        "z-o-r-r-r-g-l-e",
    ],
)  # fmt: skip
def test_the_folded_view_undoes_a_disguise(disguised: str) -> None:
    assert key_of(folded_view(f"you {disguised} there")) == key_of("you zorgle there")


@pytest.mark.parametrize(
    "harmless",
    [
        "a bag of 5kg for $5 at 24h",
        "the 2nd of 100 at 10am",
        "hello there, great!",
        "call 555 1234 now",
        "1 2 3 4",
        "mp3 and v2",
    ],
)
def test_folding_leaves_ordinary_numbers_and_marks_alone(harmless: str) -> None:
    assert folded_view(harmless) == plain_view(harmless)


def test_the_plain_view_keeps_other_scripts() -> None:
    assert plain_view("ПРИВЕТ हिन्दी  日本語") == "привет हिन्दी 日本語"
    assert folded_view("привет") != "привет"  # why the plain view must be matched as well


@settings(max_examples=300)
@given(st.one_of(ANY, SPITEFUL))
def test_views_never_raise_and_are_idempotent(text: str) -> None:
    plain, folded = plain_view(text), folded_view(text)
    assert plain_view(plain) == plain
    assert folded_view(folded) == folded
    assert "\n" not in plain + folded


@settings(max_examples=150)
@given(st.lists(st.one_of(ANY, SPITEFUL), max_size=8))
def test_a_batch_gives_what_single_texts_give(texts: list[str]) -> None:
    assert views(texts) == [(plain_view(text), folded_view(text)) for text in texts]


@given(st.lists(SPITEFUL, max_size=6))
def test_keys_of_a_batch_are_the_keys_of_its_texts(texts: list[str]) -> None:
    folded = [folded_view(text) for text in texts]
    batch = keys(folded) if folded else None
    if batch is not None:
        assert batch.text.split("\n")[:-1] == [key_of(one) for one in folded]
        assert batch.offsets[-1] == len(batch.text) == len(batch.starts) == len(batch.ends) == len(batch.words)


def test_unreadable_texts_say_why_and_keep_what_can_be_read() -> None:
    assert readable("sound") == ("sound", "")
    assert readable(b"caf\xc3\xa9") == ("café", "")
    text, problem = readable(b"zor\xffgle")
    assert "UTF-8" in problem
    assert "zor" in text
    text, problem = readable("zor\udcffgle")
    assert problem
    assert "\udcff" not in text
    text, problem = readable("a" * 1_000_000)
    assert len(text) == MAX_CHARACTERS
    assert "longer" in problem
    assert readable("") == ("", "")


def test_language_is_identified_in_order_and_short_texts_are_undetermined() -> None:
    found = language.identify(
        ["this is an ordinary sentence about the weather", "ok", "", "это обычное предложение о погоде", "12 34"]
    )
    assert [code for code, _ in found] == ["en", "und", "und", "ru", "und"]
    assert all(0 <= confidence <= 1 for _, confidence in found)
    assert language.identify([]) == []


def test_line_feeds_inside_a_text_do_not_shift_the_answers() -> None:
    found = language.identify(
        ["eine Zeile\nund noch eine Zeile in der Sprache", "this is an ordinary English sentence"]
    )
    assert [code for code, _ in found] == ["de", "en"]


def test_another_language_model_is_refused_with_both_hashes(tmp_path) -> None:
    other = tmp_path / "lid.176.ftz"
    other.write_bytes(b"not it")
    with pytest.raises(ModerationError, match=f"sha256 .*{language.SHA256}"):
        language.check_model(other)
    with pytest.raises(ModerationError, match="cannot be read"):
        language.check_model(tmp_path / "absent")
