from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.moderation.policy import CATEGORIES, PolicyBook, default_policy_folder
from reference.moderation.types import MOST_OF_A_MODEL, UNAVAILABLE, UNREADABLE, Action, Finding, ModerationError, Tier

NOW = datetime(2026, 11, 23, tzinfo=UTC)
FILE = "2026-06.toml"
BOOK = PolicyBook.load()


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(default_policy_folder(), tmp_path / "policy")
    return tmp_path / "policy"


def change(folder, old, new, file=FILE):
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_shipped_policy_knows_every_category():
    assert set(PolicyBook.load().at(NOW).categories) == set(CATEGORIES)


def test_country_overlay_changes_only_what_it_names():
    book = PolicyBook.load()
    base, german = book.at(NOW), book.at(NOW, "de")
    assert german.categories["hate"].ground == "legal"
    assert german.categories["hate"].reject_at < base.categories["hate"].reject_at
    assert german.categories["hate"].severity == base.categories["hate"].severity
    assert german.categories["spam"] == base.categories["spam"]
    assert book.at(NOW, "PT").categories == base.categories


def test_an_overlay_holds_from_its_first_moment_in_any_time_zone():
    book = PolicyBook.load()
    begin = datetime(2026, 9, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    assert book.at(begin, "FR").categories["counterfeit"].ground == "legal"
    assert book.at(begin - timedelta(seconds=1), "FR").categories["counterfeit"].ground == "terms"


@pytest.mark.parametrize("country", ["", "DE", "AT", "US"])
def test_what_is_too_weak_to_reject_goes_to_a_person(country):
    policy = BOOK.at(NOW, country)
    assert policy.categories["hate"].action(1.0) is Action.ESCALATE  # word lists hit quotations too
    for mark in ("forbidden_symbol", "banned_logo"):
        assert policy.categories[mark].action(MOST_OF_A_MODEL) is Action.ESCALATE
    assert policy.categories["known_image"].action(1.0) is Action.REJECT


def test_the_version_of_the_posts_time_decides():
    book = PolicyBook.load()
    change_over = datetime(2026, 6, 1, tzinfo=UTC)
    assert book.at(change_over).version == "2026-06"
    assert book.at(change_over - timedelta(microseconds=1)).version == "2020-01"


def test_a_time_without_zone_or_before_the_first_version_is_refused():
    book = PolicyBook.load()
    with pytest.raises(ModerationError, match="time zone"):
        book.at(datetime(2026, 11, 1))
    with pytest.raises(ModerationError, match=r"2020-01\.toml"):
        book.at(datetime(2019, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("severity = 4", "severty = 4", ("categories.hate.severty", "did you mean severity")),
        ("severity = 4", "severity = 5", ("categories.hate.severity", "1 (nuisance)")),
        ("severity = 4", "severity = true", ("categories.hate.severity", "wrong type")),
        ("severity = 4\n", "", ("categories.hate.severity", "missing")),
        ("[categories.hate]", "[categories.hatred]", ("hatred", "did you mean hate")),
        ("[categories.hate]", "[categories.unreadable]", ("unreadable", "always goes to a person")),
        ("[categories.hate]", "[categories.unavailable]", ("unavailable", "cannot be configured")),
        ("reject_at = 0.97", "reject_at = 0.2", ("categories.hate", "escalate_at 0.4 is above reject_at 0.2")),
        ("reject_at = 0.97", "reject_at = 97", ("categories.hate.reject_at", "no probability")),
        (
            'rule_action = "reject"',
            'rule_action = "approve"',
            ("counterfeit.rule_action", "reject or escalate"),
        ),
        ("STATEMENT_CATEGORY_VIOLENCE", "STATEMENT_CATEGORY_VIOLENT", ("dsa_category", "STATEMENT_CATEGORY_VIOLENCE")),
        ("effective_from = 2026-06-01T00:00:00Z", "effective_from = 2026-06-01T00:00:00", ("effective_from", "zone")),
        ("effective_from = 2026-06-01T00:00:00Z", "effective_from = 2026-06-02T00:00:00Z", ("no policy in between",)),
        ("effective_from = 2026-06-01T00:00:00Z", "effective_from = 2026-05-01T00:00:00Z", ("overlap", "2020-01.toml")),
        ('version = "2026-06"', 'version = "2020-01"', ("both have version",)),
        ('countries = ["DE"]', 'countries = ["Germany"]', ("overlays[1].countries", "ISO 3166")),
        ('countries = ["US"]', 'countries = ["US", "DE"]', ("overlays[3]", "overlays[1]", "hate", "DE")),
        ('countries = ["US"]', "countries = []", ("overlays[3].countries", "empty")),
        ("reject_at = 0.95\nescalate_at = 0.30", "escalate_at = 0.98", ("overlays[1]", "above reject_at")),
        ('category = "counterfeit"', 'category = "counterfeits"', ("overlays[4].category", "counterfeit")),
        ("effective_from = 2026-09-01", "effective_from = 2025-09-01", ("overlays[4]", "outside its version")),
        ("[categories.hate]", "[categories.hate", ("cannot be read as TOML",)),
    ],
)
def test_a_faulty_policy_is_refused_with_file_key_and_mend(folder, old, new, words):
    change(folder, old, new)
    with pytest.raises(ModerationError) as error:
        PolicyBook.load(folder)
    assert FILE in str(error.value)
    for word in words:
        assert word in str(error.value)


def test_an_empty_or_missing_folder_is_refused(tmp_path):
    with pytest.raises(ModerationError, match="holds no policy"):
        PolicyBook.load(tmp_path)
    with pytest.raises(ModerationError, match="is no folder"):
        PolicyBook.load(tmp_path / "none")


finding = st.builds(
    Finding,
    category=st.sampled_from((*CATEGORIES, UNREADABLE, UNAVAILABLE, "something_new")),
    score=st.one_of(st.floats(0, 1), st.just(float("nan"))),
    tier=st.just(Tier.MODELS),
    detector=st.just("text_model"),
    detail=st.just("x"),
)


@given(st.lists(finding, max_size=5), st.sampled_from(["", "DE", "US", "FR"]))
def test_what_cannot_be_judged_is_never_approved(findings, country):
    policy = BOOK.at(NOW, country)
    action, carrier = policy.outcome(findings)
    if any(f.category not in CATEGORIES or f.score != f.score for f in findings):
        assert action is not Action.APPROVE
    assert (carrier is None) == (action is Action.APPROVE)


@given(st.lists(finding, max_size=4), finding)
def test_one_more_finding_never_softens_the_outcome(findings, more):
    strength = {Action.APPROVE: 0, Action.ESCALATE: 1, Action.REJECT: 2}
    policy = BOOK.at(NOW)
    assert strength[policy.outcome([*findings, more])[0]] >= strength[policy.outcome(findings)[0]]
