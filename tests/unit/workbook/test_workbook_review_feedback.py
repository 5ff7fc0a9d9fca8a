"""workbook review-feedback, and the outcomes file of `workbook review`."""

from __future__ import annotations

import pytest

from reference.agents.learning import OutcomeStore
from reference.agents.types import Agent, Change, Comment, Finding, Plan, Review, Severity

RULE = "documentation/undocumented-parameter"


def review(*evidence: str, repository: str = "acme/shop", pr: int = 3) -> Review:
    values = {"name": "x", "function": "f"}
    found = tuple(
        Finding(Agent.DOCUMENTATION, RULE, Severity.WARNING, "a.py", 1, 1, values, evidence=one) for one in evidence
    )
    comments = tuple(Comment("a.py", 1, "", one.severity, (one,)) for one in found)
    return Review(Change(repository, "b", "h", (), number=pr), Plan(()), (), comments, "COMMENT")


@pytest.fixture
def db(tmp_path, monkeypatch):
    """The usual file, with twelve postings to one pull request and one of them to a second."""
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "cache" / "review" / "outcomes.db"
    path.parent.mkdir(parents=True)
    store = OutcomeStore(path)
    store.record_posted(review(*map(str, range(12))))
    store.record_posted(review("0", pr=4))
    store.close()
    return path


def ids(*evidence: str) -> list[str]:
    return [one.fingerprint for one in review(*evidence).findings]


def test_review_feedback_prints_the_documented_names(cli, db):
    from test_cli_json import compare, printed

    [one] = ids("1")
    said = cli("review-feedback", "accept", one, "--json")
    assert said.exit_code == 0, said.output
    record = printed(said)["recorded"]
    assert record == {
        "repository": "acme/shop", "pr": 3, "fingerprint": one, "rule": RULE, "outcome": "accepted", "changed": True,
    }  # fmt: skip
    assert printed(cli("review-feedback", "accept", one, "--json"))["recorded"]["changed"] is False
    listed = printed(cli("review-feedback", "list", "--json"))
    assert (listed["recorded"], listed["file"]) == (None, str(db))
    assert [(row["posted"], row["decided"], row["acted_on"]) for row in listed["rules"]] == [(13, 1, 1)]
    compare("review-feedback", printed(said), {**listed, "recorded": record}, {"recorded": None})


@pytest.mark.slow
def test_ten_rejections_show_the_rule_as_muted(cli, db):
    for one in ids(*map(str, range(1, 11))):
        assert cli("review-feedback", "reject", one).exit_code == 0
    result = cli("review-feedback", "list", "--json")
    assert '"muted": true' in result.stdout
    [row] = __import__("json").loads(result.stdout)["rules"]
    assert row["acceptance"] == pytest.approx(1 / 12)
    assert row["muted_until"].endswith("+00:00")
    text = cli("review-feedback", "list").stdout
    assert "0 of 10" in text
    assert row["muted_until"][:10] in text


def test_an_id_in_two_pull_requests_needs_its_number(cli, db):
    [one] = ids("0")
    result = cli("review-feedback", "ignore", one)
    assert (result.exit_code, "acme/shop#3, acme/shop#4" in result.stderr) == (2, True)
    result = cli("review-feedback", "ignore", one, "--repository", "acme/shop", "--pr", "4", "--json")
    assert result.exit_code == 0
    store = OutcomeStore(db)
    assert one in store.undecided("acme/shop", 3)
    assert one not in store.undecided("acme/shop", 4)
    store.close()


@pytest.mark.slow
@pytest.mark.parametrize(("arguments", "says"), [
    (("like", "0" * 16), "one of accept"), (("accept",), "needs the id"), (("list", "0" * 16), "takes no id"),
    (("accept", "0" * 16), "no comment with the id"), (("list", "--db", "/none/o.db"), "does not exist"),
])  # fmt: skip
def test_a_wrong_command_line_says_what_is_right(cli, db, arguments, says):
    result = cli("review-feedback", *arguments)
    assert (result.exit_code, says in result.stderr) == (2, True), result.stderr


def test_a_file_that_is_no_database_is_named(cli, tmp_path):
    wrong = tmp_path / "wrong.db"
    wrong.write_text("text " * 400)
    result = cli("review-feedback", "list", "--db", str(wrong))
    assert result.exit_code == 3
    assert str(wrong) in result.stderr


class Given:
    def __init__(self) -> None:
        self.options: dict[str, object] = {}

    def __call__(self, **options: object) -> Given:
        self.options = options
        return self

    def review_now(self, change: Change) -> Review:
        return review("shown", repository="shop", pr=0)


@pytest.fixture
def given(monkeypatch, tmp_path) -> Given:
    from workbook.commands import review as module

    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path / "cache"))
    made = Given()
    monkeypatch.setattr(module, "reviewer", made)
    monkeypatch.setattr(module, "_change", lambda *_: Change("shop", "b", "h", ()))
    return made


def test_review_keeps_what_it_shows_in_the_file_that_is_named(cli, given, tmp_path):
    path = tmp_path / "mine.db"
    result = cli("review", "--outcomes", str(path), "--format", "github")
    assert result.exit_code == 0, result.output
    assert isinstance(given.options["outcomes"], OutcomeStore)
    store = OutcomeStore(path)
    assert store.acceptance("shop", RULE).posted == 1
    store.close()


def test_review_makes_no_file_by_itself_but_uses_the_usual_one(cli, given, tmp_path):
    assert cli("review", "--format", "github").exit_code == 0
    assert "outcomes" not in given.options
    usual = tmp_path / "cache" / "review" / "outcomes.db"
    assert not usual.exists()
    usual.parent.mkdir(parents=True)
    OutcomeStore(usual).close()
    assert cli("review", "--format", "github").exit_code == 0
    assert "outcomes" in given.options


def test_review_refuses_an_outcomes_file_in_no_folder(cli, given, tmp_path):
    result = cli("review", "--outcomes", str(tmp_path / "none" / "o.db"))
    assert (result.exit_code, "does not exist" in result.stderr) == (2, True)
