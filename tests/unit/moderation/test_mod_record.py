from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.moderation.policy import CATEGORIES, PolicyBook
from reference.moderation.record import Anchor, SqliteDecisionLog, StatementOfReasons, statement_of, write_statements
from reference.moderation.record import statement as statement_module
from reference.moderation.record.statement import puid_of, schema
from reference.moderation.types import Action, Decision, Finding, Media, ModerationError, Post, Tier

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
BOOK = PolicyBook.load()
SECRET = "zorgle-secret-words"


def decision(name="a", action=Action.REJECT, category="hate", tier=Tier.RULES, **more):
    finding = Finding(category or "hate", 0.97, tier, "text_model", "The model says so.", span=(0, 3))
    fields = {
        "post_id": name,
        "action": action,
        "category": category,
        "tier": tier,
        "findings": (finding,),
        "versions": {"policy": "2026-06", "rules": "9f"},
        "language": "en",
        "country": "",
        "severity": 4,
        "decided_at": NOW,
    }
    return Decision(**{**fields, **more})


@pytest.fixture
def log(tmp_path):
    return SqliteDecisionLog(tmp_path / "log.db")


def test_what_was_decided_comes_back_whole_oldest_first(log):
    first = decision(tier=Tier.MODELS, action=Action.ESCALATE, missing=("judge", "video"))
    last = decision(tier=Tier.PERSON)
    assert log.append([first]) == 1
    assert log.append([decision("b"), last]) == 2
    assert log.why("a") == [first, last]
    assert log.why("none") == []


def test_the_first_decision_of_a_tier_and_round_stays(log):
    assert log.append([decision(), decision()]) == 1
    assert log.append([decision(action=Action.APPROVE), decision("b")]) == 1
    assert [d.action for d in log.why("a")] == [Action.REJECT]
    assert log.append([decision(action=Action.APPROVE)], round=1) == 1
    assert log.rounds("a") == [0, 1]
    assert log.decided(["a", "b", "c"]) == {"a", "b"}
    log.verify()


@pytest.mark.parametrize("table", ["decisions", "batches", "versions", "statements"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET rowid = rowid", "DELETE FROM {}"])
def test_rows_can_be_neither_changed_nor_deleted(log, table, verb):
    log.append([decision()], statements=[statement_of(Post("a"), decision(), BOOK.at(NOW)).to_json()])
    with sqlite3.connect(log.path) as other, pytest.raises(sqlite3.IntegrityError, match="only grows"):
        other.execute(verb.format(table))


TAMPER = [
    "UPDATE decisions SET action = 'approve' WHERE seq = 2",
    "UPDATE decisions SET versions = 99 WHERE seq = 2",
    'UPDATE versions SET value = \'{"policy": "2027"}\'',
    "UPDATE statements SET value = '{}'",
    "DELETE FROM decisions WHERE seq = 2",
    "DELETE FROM decisions WHERE seq = 3",
    "DELETE FROM batches WHERE id = 1",
    "UPDATE batches SET previous = hash WHERE id = 2",
    "INSERT INTO decisions SELECT 9, 'x', tier, round, action, category, severity, language, country, decided_at, "
    "findings, missing, versions FROM decisions WHERE seq = 1",
]


@pytest.mark.parametrize("sql", TAMPER)
def test_tampering_with_the_file_is_seen(log, sql):
    said = statement_of(Post("a"), decision(), BOOK.at(NOW)).to_json()
    log.append([decision(), decision("b")], statements=[said])
    log.append([decision("c")])
    log.verify()
    with sqlite3.connect(log.path) as other:
        for (name,) in other.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            other.execute(f"DROP TRIGGER {name}")
        assert other.execute(sql).rowcount > 0
    with pytest.raises(ModerationError):
        log.verify()


def test_a_cut_tail_or_a_rebuilt_log_is_seen_against_an_anchor(log, tmp_path):
    log.append([decision()])
    early = log.anchor()
    log.append([decision("b")])
    log.verify(early)
    late = log.anchor()
    other = SqliteDecisionLog(tmp_path / "other.db")
    other.append([decision()])
    other.verify()
    with pytest.raises(ModerationError, match="tail was cut"):
        other.verify(late)
    with pytest.raises(ModerationError, match="rebuilt"):
        other.verify(Anchor(1, "f" * 64))


def test_a_batch_that_fails_leaves_nothing(log):
    with pytest.raises(ModerationError, match="belongs to no decision"):
        log.append([decision(versions={"policy": "new"})], statements=[{"puid": "sor-x"}])
    assert log.counts()["rows"] == 0
    log.append([decision(versions={"policy": "new"})])
    assert log.why("a")[0].versions == {"policy": "new"}
    log.verify()


def test_a_log_that_cannot_be_opened_says_so(tmp_path):
    (tmp_path / "file.db").write_text("this is no database, it is a letter" * 100)
    for path in (tmp_path / "file.db", tmp_path / "none" / "log.db"):
        with pytest.raises(ModerationError, match="cannot be opened"):
            SqliteDecisionLog(path)


def test_two_writers_share_one_chain(tmp_path):
    one, two = SqliteDecisionLog(tmp_path / "l.db"), SqliteDecisionLog(tmp_path / "l.db")
    for number in range(20):
        (one if number % 2 else two).append([decision(f"p{number}", versions={"policy": str(number % 3)})])
    one.verify()
    assert two.counts()["rows"] == 20


def test_the_reason_is_told_in_sentences(log):
    log.append([decision(tier=Tier.MODELS, missing=("video",), country="DE")])
    told = "\n".join(log.explain("a"))
    for words in (
        "removed by the models",
        "for hate (severity 4)",
        "policy version 2026-06 for DE",
        "0.970",
        "video",
        "9f",
    ):
        assert words in told
    assert log.explain("none") == ["Nothing was ever decided about post none."]


def test_the_shipped_schema_is_the_models_own():
    shipped = Path(statement_module.__file__).with_name("statement.schema.json")
    assert json.loads(shipped.read_text()) == schema()


decisions = st.builds(
    decision,
    name=st.text(min_size=1, max_size=20),
    category=st.sampled_from(CATEGORIES),
    tier=st.sampled_from(list(Tier)),
    language=st.sampled_from(["en", "und", "yue", "", "ZZZZ"]),
    country=st.sampled_from(["", "DE", "US", "FR", "de"]),
)
posts = st.builds(
    Post,
    id=st.just("x"),
    text=st.sampled_from(["", SECRET]),
    images=st.sampled_from([(), (Media(SECRET, b""),)]),
    video=st.sampled_from([None, Media("v", b"")]),
    links=st.sampled_from([(), (f"https://{SECRET}.example",)]),
    author=st.just(SECRET),
    posted_at=st.none() | st.datetimes(datetime(2020, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),
)


@pytest.mark.slow
@given(decisions, posts)
def test_every_rejection_has_a_valid_statement_without_the_posts_words(one, post):
    policy = BOOK.at(NOW, one.country)
    said = statement_of(post, one, policy).to_json()
    jsonschema.validate(said, schema())
    assert StatementOfReasons.model_validate(said).to_json() == said
    assert SECRET not in json.dumps(said)
    assert said["application_date"] >= said["content_date"]


def test_the_statement_names_ground_territory_and_automation():
    german = statement_of(Post("a", "x"), decision(country="DE"), BOOK.at(NOW, "DE"))
    assert german.decision_ground.value == "DECISION_GROUND_ILLEGAL_CONTENT"
    assert [t.value for t in german.territorial_scope] == ["DE"]
    assert german.automated_decision.value == "AUTOMATED_DECISION_FULLY"
    general = statement_of(Post("a", "x"), decision(tier=Tier.PERSON), BOOK.at(NOW))
    assert general.incompatible_content_ground
    assert len(general.territorial_scope) == 30
    assert general.automated_decision.value == "AUTOMATED_DECISION_PARTIALLY"
    human = Finding("hate", 1.0, Tier.PERSON, "person", "Reported.")
    alone = statement_of(Post("a", "x"), decision(tier=Tier.PERSON, findings=(human,)), BOOK.at(NOW))
    assert alone.automated_decision.value == "AUTOMATED_DECISION_NOT_AUTOMATED"
    assert alone.automated_detection.value == "No"


@pytest.mark.parametrize(
    "change",
    [
        {"category": "STATEMENT_CATEGORY_RUDENESS"},
        {"automated_decision": "fully"},
        {"decision_ground": "DECISION_GROUND_ILLEGAL_CONTENT"},
        {"decision_visibility": []},
        {"territorial_scope": ["US"]},
        {"content_type": []},
        {"puid": "a b"},
        {"extra": 1},
    ],
)
def test_model_and_schema_both_refuse_a_wrong_statement(change):
    said = statement_of(Post("a", "x"), decision(), BOOK.at(NOW)).to_json() | change
    with pytest.raises(ValueError):
        StatementOfReasons.model_validate(said)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(said, schema())


def test_only_rejections_have_statements():
    for action in (Action.APPROVE, Action.ESCALATE):
        with pytest.raises(ModerationError, match="not rejected"):
            statement_of(Post("a"), decision(action=action), BOOK.at(NOW))
    with pytest.raises(ModerationError, match="no category"):
        statement_of(Post("a"), decision(category="new"), BOOK.at(NOW))


def test_statements_are_written_whole_and_their_ids_do_not_change(tmp_path):
    one = statement_of(Post("a"), decision(), BOOK.at(NOW))
    assert one.puid == puid_of("a", Tier.RULES)
    assert puid_of("a", Tier.RULES, 1) != one.puid
    target = tmp_path / "s.jsonl"
    assert write_statements(target, [one, replace_puid(one)]) == 2
    assert [json.loads(line)["puid"] for line in target.read_text().splitlines()] == [one.puid, "other"]
    with pytest.raises(ModerationError, match="cannot be written"):
        write_statements(tmp_path / "none" / "s.jsonl", [one])
    assert not list(tmp_path.glob("*.tmp"))


def replace_puid(one):
    return one.to_json() | {"puid": "other"}
