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
    # who does what to whom
    ("order", "Who employs my cousin?", "Who does my cousin employ?"),
    ("order", "Does the nurse call the doctor?", "Does the doctor call the nurse?"),
    ("order", "Do bees pollinate apples?", "Are bees pollinated by apples?"),
    ("order", "Can I be fined?", "Can I fine someone?"),
    ("order", "Who is paid?", "Who pays?"),
    ("order", "Do cats hunt?", "Are cats hunted?"),
    ("order", "Who was arrested?", "Who arrested?"),
    ("order", "How many rooms does a floor have?", "How many floors does a room have?"),
    ("direction", "Is the flute on the shelf lent to a pupil?", "Is the pupil on the flute lent to a shelf?"),
    ("order", "Does the lamp blink when the door opens?", "Does the door open when the lamp blinks?"),
    ("order", "Turn a video into a gif, how?", "How do I convert a gif into a video?"),
    ("direction", "How do I subtract a from b?", "How do I subtract b from a?"),
    ("order", "Does the app see my photos?", "Do I see photos in the app?"),
    ("person", "How do I feed my parrot?", "How does my parrot feed me?"),
    ("person", "Can you hear me?", "Can I hear you?"),
    ("person", "Where do I find my badge?", "Where do I find your badge?"),
    ("words", "Who is the employer of my aunt?", "Who is the employee of my aunt?"),
    ("direction", "How do I give feedback?", "How do I get feedback?"),
    ("direction", "Do I write to the mayor?", "Do I write for the mayor?"),
    ("link", "Can I stay for a day?", "Can I stay after a day?"),
    ("direction", "Do I freeze it for a week?", "Do I freeze it by a week?"),
    ("direction", "How do I sign in?", "How do I sign out?"),
    ("direction", "Do you still offer tea?", "Do you already offer tea?"),
    ("kind of question", "To whom do I report?", "Whom do I report?"),
    ("kind of question", "What do I cook?", "How do I cook?"),
    # when
    ("tense", "Who runs the shop?", "Who ran the shop?"),
    ("tense", "Who runs the shop?", "Who will run the shop?"),
    ("tense", "Is the pool heated?", "Will the pool be heated?"),
    ("tense", "Is the pool heated?", "Has the pool been heated?"),
    ("tense", "Do you sell stamps?", "Are you going to sell stamps?"),
    ("tense", "Do you sell stamps?", "Did you use to sell stamps?"),
    ("tense", "I sell stamps, is that legal?", "I used to sell stamps, is that legal?"),
    ("tense", "the boiler leaks, why?", "the boiler leaked, why?"),
    ("tense", "Should I water the lawn?", "Should I have watered the lawn?"),
    ("tense", "Can I pay the fee?", "Have I paid the fee?"),
    ("tense", "Does the roof leak?", "Would the roof leak?"),
    ("modal", "Can I bring a guest?", "Must I bring a guest?"),
    ("modal", "Do I park here?", "Must I park here?"),
    ("link", "Is the lift out of order until May?", "Is the lift out of order since May?"),
    ("negation", "Do you never close?", "Do you no longer close?"),
    ("quantifier", "Can I even swim?", "Can I swim?"),
    ("direction", "Can members only swim?", "Can only members swim?"),
    ("direction", "Can I pay by card or cash?", "Can I pay by card and cash?"),
    # how much
    ("degree", "Is the tower tall?", "Is the tower taller?"),
    ("degree", "Which is the cheaper tent?", "Which is the cheapest tent?"),
    ("order", "Can 1 parent bring dogs?", "Can parents bring 1 dog?"),
    ("words", "What is a list of lists?", "What is a list?"),
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
    ("What is the fee for parking?", "What is the parking fee?"),
    ("Do hens and ducks swim?", "Do ducks and hens swim?"),
    ("In winter, is the hut open?", "Is the hut open in winter?"),
    ("If the siren sounds, do I leave the hall?", "Do I leave the hall if the siren sounds?"),
    ("Is it going to snow in Bern?", "Will it snow in Bern?"),
    ("Can I fly with no passport?", "Can I fly without a passport?"),
    ("How often should the filter be cleaned?", "How often should I clean the filter?"),
    ("Who teaches chess in room 4?", "Which person teaches room 4 chess?"),
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
