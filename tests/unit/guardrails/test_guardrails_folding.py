import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.serving.guardrails.folding import decomposed, fold, fold_text, is_plain

DISGUISES = {
    "zero width": "ig\u200bn\u200do\u2060re",
    "soft hyphen": "ig\u00adnore",
    "fullwidth": "ｉｇｎｏｒｅ",
    "mathematical bold": "𝐢𝐠𝐧𝐨𝐫𝐞",
    "circled": "ⓘⓖⓝⓞⓡⓔ",
    "cyrillic": "іgnоrе",
    "greek": "ignοrε",
    "combining marks": "i\u0301g\u0302n\u0303ore",
    "small capitals": "ɪɢɴᴏʀᴇ",
    "right-to-left override": "\u202eignore\u202c",
    "control characters": "ig\x08no\x00re",
    "variation selectors": "i\ufe0fgnor\U000e0101e",
}


@pytest.mark.parametrize("text", DISGUISES.values(), ids=DISGUISES.keys())
def test_folding_undoes_a_disguise(text):
    assert fold_text(text).lower() == "ignore"


def test_squared_capitals_and_flag_letters_become_capitals():
    assert fold_text("🅸🄶🅽🇴🅁🄴") == "IGNORE"


def test_digits_of_every_script_become_ascii():
    assert fold_text("４１١٢߃") == "41123"


def test_other_scripts_survive_decomposition_but_not_folding():
    assert decomposed("привет") == "привет"
    assert fold_text("привет") != "привет"


@given(st.text())
def test_spans_lie_inside_the_text_and_go_forward(text):
    folded = fold(text)
    assert len(folded.starts) == len(folded.ends) == len(folded.text)
    assert all(0 <= s < e <= len(text) for s, e in zip(folded.starts, folded.ends, strict=True))
    assert list(folded.starts) == sorted(folded.starts)


@pytest.mark.slow
@given(st.text(alphabet=st.characters(max_codepoint=126)))
def test_plain_text_folds_to_itself(text):
    if is_plain(text):
        assert fold(text).text == text


@given(st.text(alphabet="aﬁé\u0301\u200d4\u20e3\ufe0f ", max_size=30))
def test_no_span_ends_inside_a_grapheme(text):
    folded = fold(text)
    for end in folded.ends:
        assert end == len(text) or unicodedata.category(text[end]) not in ("Mn", "Me")


@given(st.text(), st.integers(0, 50))
def test_index_at_finds_the_first_character_from_a_position(text, position):
    folded = fold(text)
    index = folded.index_at(position)
    assert all(start < position for start in list(folded.starts)[:index]) or is_plain(text)
    assert all(start >= position for start in list(folded.starts)[index:])
