"""The wording guard: which differences it sees behind almost the same words, and which wordings it lets through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.serving.semantic_cache.agreement import disagreement
from reference.serving.semantic_cache.lexicon import alike, slip
from reference.serving.semantic_cache.wording import wording

DIFFERENT = [
    ("numbers", "Is the lease 12 months long?", "Is the lease 12 weeks long?"),
    ("numbers", "Can I send 40 dollars?", "Can I send 40 euros?"),
    ("numbers", "Does it run on release 7.1?", "Does it run on release 7.2?"),
    ("order", "Change 3 apples into 4 pears", "Change 4 apples into 3 pears"),
    ("negation", "Is the shop open without a ticket?", "Is the shop open with a ticket?"),
    ("quantifier", "Are all seats heated?", "Are some seats heated?"),
    ("quantifier", "Do you repair bikes?", "Do you only repair bikes?"),
    ("link", "May I eat before the scan?", "May I eat after the scan?"),
    ("link", "Is it free if I cancel?", "Is it free unless I cancel?"),
    ("kind of question", "Why does the pump stop?", "When does the pump stop?"),
    ("modal", "Can I oil the chain?", "Should I oil the chain?"),
    ("tense", "Does the museum open late?", "Did the museum open late?"),
    ("words", "How do I feed a horse?", "How do I feed a goat?"),
    ("words", "How do I open the valve?", "How do I close the valve?"),
    ("direction", "How do I move a file from camera to tablet?", "How do I move a file from tablet to camera?"),
    ("direction", "Is iron heavier than lead?", "Is lead heavier than iron?"),
    ("order", "Was Athens conquered by Sparta?", "Did Athens conquer Sparta?"),
]  # fmt: skip
SAME = [
    ("How do I delete my file?", "how can I erase my file"),
    ("How do I turn on dark mode?", "Please tell me how to enable dark mode."),
    ("Is it possible to pay in advance?", "Can I pay in advance?"),
    ("How much is a ticket to Rome?", "What does a ticket to Rome cost?"),
    ("Why was my request for 5,000 dollars declined?", "My request for $5000 was declined, for what reason?"),
    ("Where is the nearest pharmacy?", "where is the nearest pharamcy"),
    ("Did the storm destroy the bridge?", "Was the bridge destroyed by the storm?"),
    ("Are refunds possible after thirty days?", "Is a refund possible after 30 days?"),
    ("What is the difference between copper and brass?", "How do brass and copper differ?"),
]


@pytest.mark.parametrize(("guard", "one", "two"), DIFFERENT)
def test_the_wording_guard_sees_a_difference_in_either_order(guard, one, two):
    assert disagreement(one, two) == guard
    assert disagreement(two, one) == guard


@pytest.mark.parametrize(("one", "two"), SAME)
def test_the_wording_guard_lets_other_wordings_through(one, two):
    assert disagreement(one, two) == ""
    assert disagreement(two, one) == ""


@given(st.text(max_size=100))
def test_a_text_agrees_with_itself(text):
    assert disagreement(text, text) == ""


@given(
    st.sampled_from([t for _, *pair in DIFFERENT for t in pair]), st.sampled_from([t for pair in SAME for t in pair])
)
def test_questions_about_other_things_never_agree(one, two):
    if wording(one).words != wording(two).words:
        assert disagreement(one, two) != ""


def test_a_capital_word_is_no_small_word():
    assert "^us" in wording("Do you ship to the US?").words
    assert wording("Do you ship to us?").words == ("ship",)


def test_a_slip_of_the_pen_is_no_other_word():
    assert slip("recieve", "receive")
    assert not slip("winter", "winner")  # both are words
    assert not alike("inside", "outside")


def test_text_in_another_language_agrees_only_with_the_same_words():
    assert disagreement("Wie ändere ich mein Passwort?", "Wie lösche ich mein Passwort?") == "words"
    assert disagreement("Wie ändere ich mein Passwort?", "wie ändere ich mein passwort") == ""
