from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.moderation.rules import lexicon
from reference.moderation.rules.benign import benign_sample
from reference.moderation.rules.generate import generated_rules
from reference.moderation.rules.hot import HotRules
from reference.moderation.rules.ruleset import RuleSet
from reference.moderation.rules.schema import Rule
from reference.moderation.rules.screen import TextRules
from reference.moderation.types import UNREADABLE, ModerationError, Post


@pytest.fixture(scope="module")
def screen() -> TextRules:
    return TextRules(RuleSet.load())


def categories(screen: TextRules, text: str, **post: object) -> set[str]:
    return {finding.category for finding in screen.screen([Post("1", text, **post)])[0].findings}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "you zorgle", "you ZORGLES!", "z0rgl3 go home", "you z.o.r g-l e", "a z o r g l e lives here", "zor-gle",
        "zor gle",
        "zorrrgle", "zorrgle", "zorg1e", "zorgIe", "zοrglе", "z\u200borgle", "zorgle24", "@zorgle", "#zorgle", "zorg|e",
    ],
)  # fmt: skip
def test_a_listed_word_is_found_in_disguise(screen: TextRules, text: str) -> None:
    assert "hate" in categories(screen, text)


@pytest.mark.parametrize(
    "text",
    [
        "azorgle",
        "zorglex",
        "Scunthorpe",
        "a classic button",
        "Dick Van Dyke",
        "",
        "   ",
        "\u202e",
        "привет",
        "replica of a ship",
    ],
)
def test_what_is_no_listed_word_passes(screen: TextRules, text: str) -> None:
    assert categories(screen, text) == set()


def test_the_default_rules_leave_everyday_texts_alone(screen: TextRules) -> None:
    flagged = [s for s in screen.screen([Post(str(i), t) for i, t in enumerate(benign_sample())]) if s.findings]
    assert flagged == []


def test_every_token_of_the_lexicon_is_found_under_its_category(screen: TextRules) -> None:
    for category in lexicon.categories():
        for token in lexicon.tokens(category):
            assert category in categories(screen, f"some {token} here"), token


def test_a_finding_names_rule_view_and_span_but_not_the_word(screen: TextRules) -> None:
    plain, folded = screen.screen([Post("a", "You ZORGLE there"), Post("b", "You z0rgl3 there")])
    assert [(f.view, f.span, f.rule) for f in plain.findings] == [("plain", (4, 10), "hate-lexicon")]
    assert [(f.view, f.span) for f in folded.findings] == [("folded", None)]
    assert plain.plain[4:10] == "zorgle"
    assert "zorgle" not in plain.findings[0].detail.casefold() + folded.findings[0].detail.casefold()
    assert folded.plain == "you z0rgl3 there"
    assert folded.folded == "you zorgle there"


def test_an_allowed_phrase_excuses_only_what_lies_inside_it() -> None:
    rules = [
        Rule("bad", "hate", "literal", ("zorgle",)),
        Rule("place", "*", "allow", ("zorgle upon sea",)),
        Rule("other", "spam", "allow", ("drop the zorgle",)),
    ]
    screen = TextRules(RuleSet(rules))
    assert categories(screen, "Greetings from Zorgle upon Sea") == set()
    assert categories(screen, "Zorgle upon Sea has a zorgle") == {"hate"}
    assert categories(screen, "drop the zorgle") == {"hate"}  # excused for spam only


def test_flags_of_a_rule_do_what_they_say() -> None:
    loose = TextRules(RuleSet([Rule("x", "hate", "literal", ("zorgle",), words=False)]))
    assert categories(loose, "xxzorgleyy") == {"hate"}
    whole = TextRules(RuleSet([Rule("x", "hate", "literal", ("zorgle",), split=False)]))
    assert categories(whole, "zor gle") == set()
    assert categories(whole, "zorgles") == set()
    plain = TextRules(RuleSet([Rule("x", "hate", "literal", ("zorgle",), views=("plain",))]))
    assert categories(plain, "z0rgle") == set()
    german = TextRules(RuleSet([Rule("x", "hate", "literal", ("zorgle",), languages=("de",))]))
    assert categories(german, "this is an ordinary English sentence about zorgle and the weather") == set()
    assert categories(german, "das ist ein ganz normaler Satz über zorgle und das Wetter heute") == {"hate"}


def write(path: Path, body: str) -> Path:
    path.write_text(body, encoding="utf-8")
    return path


GOOD = '[[rule]]\nid = "a"\ncategory = "hate"\nkind = "literal"\npatterns = ["zorgle"]\n'


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (GOOD + 'pattern = ["x"]', ["rule 'a'", "'pattern'", "did you mean 'patterns'"]),
        (GOOD + 'words = "yes"', ["words", "true or false"]),
        (GOOD.replace('"zorgle"', '"zo"'), ["'zo'", "at least 3"]),
        (GOOD.replace('["zorgle"]', "[]"), ["no patterns"]),
        (GOOD.replace('"zorgle"', '"today"'), ["too broad", "of 2,000", "%"]),
        (GOOD.replace("literal", "regex").replace("zorgle", "(?=x)y"), ["RE2 refuses", "look-around"]),
        (GOOD.replace("literal", "regex").replace("zorgle", "(zorgle{900}){9}"), ["rule 'a'"]),
        (GOOD.replace("literal", "regex").replace("zorgle", "(?:zorgle){800}"), ["instructions"]),
        (GOOD.replace("literal", "regex").replace("zorgle", "z*"), ["empty text"]),
        (GOOD.replace("literal", "exact"), ["kind 'exact'"]),
        (GOOD + 'views = ["bent"]', ["view 'bent'"]),
        (GOOD + 'examples = ["nothing here"]', ["its own example"]),
        (GOOD + GOOD, ["'a' is defined twice"]),
        (GOOD + GOOD.replace('"a"', '"b"'), ["repeats a pattern of rule 'a'"]),
        (GOOD.replace('id = "a"', ""), ["rule number 1", "id is missing"]),
        (GOOD + 'lexicon = "nope"', ["no tokens for category 'nope'"]),
        ("not toml", ["cannot be read as TOML"]),
        ("", ["there are no rules"]),
    ],
)
def test_a_bad_rule_file_is_refused_by_name(tmp_path: Path, body: str, words: list[str]) -> None:
    file = write(tmp_path / "r.toml", body)
    with pytest.raises(ModerationError) as caught:
        RuleSet.load(file)
    for word in words:
        assert word in str(caught.value)


def test_the_version_follows_content_not_layout(tmp_path: Path) -> None:
    one = RuleSet.load(write(tmp_path / "a.toml", GOOD)).version
    assert RuleSet.load(write(tmp_path / "a.toml", "# comment\n\n" + GOOD)).version == one
    assert RuleSet.load(write(tmp_path / "a.toml", GOOD.replace("zorgle", "blentok"))).version != one


def test_new_rules_are_taken_and_broken_ones_leave_the_old(tmp_path: Path) -> None:
    file = write(tmp_path / "r.toml", GOOD)
    hot = HotRules(file, every=0.0, background=False)
    screen = TextRules(hot)
    first = screen.version
    assert categories(screen, "zorgle blentok") == {"hate"}
    write(file, GOOD.replace("zorgle", "blentok").replace("hate", "threat"))
    assert categories(screen, "zorgle blentok") == {"threat"}
    assert screen.version != first
    write(file, "[[rule]]\nid = 3\n")
    assert categories(screen, "zorgle blentok") == {"threat"}
    assert "id must be a string" in hot.problem
    file.unlink()
    assert categories(screen, "zorgle blentok") == {"threat"}
    assert "cannot be read" in hot.problem
    write(file, GOOD)
    assert categories(screen, "zorgle blentok") == {"hate"}
    assert hot.problem == ""
    assert hot.reloads == 2


def test_unreadable_posts_say_so_and_still_show_what_was_found(screen: TextRules) -> None:
    found = categories(screen, "zorgle " + "a " * 500_000)
    assert found == {UNREADABLE, "hate"}
    assert UNREADABLE in categories(screen, "bad \udcff bytes")
    assert UNREADABLE in {f.category for f in screen.screen([Post("1", b"\xff\xfe")])[0].findings}  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=()), max_size=80), min_size=1, max_size=6))
def test_a_batch_says_what_single_posts_say(screen: TextRules, texts: list[str]) -> None:
    posts = [Post(str(i), text) for i, text in enumerate(texts)]
    together = screen.screen(posts)
    assert together == [screen.screen([post])[0] for post in posts]
    assert [one.post_id for one in together] == [post.id for post in posts]


def test_generated_rules_are_the_same_for_a_seed_and_all_match() -> None:
    rules = generated_rules(300, 7)
    assert rules == generated_rules(300, 7)
    assert rules != generated_rules(300, 8)
    assert sum(len(rule.patterns) for rule in rules) == 300
    screen = TextRules(RuleSet(rules))
    for rule in rules:
        assert rule.category in categories(screen, f"well, {rule.patterns[5]} again")
