"""workbook review, review-serve and review-feedback: output, exit codes and errors of the command line."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from reference.agents.publish.text import comment_body
from reference.agents.types import (
    Agent,
    AgentReport,
    Change,
    Comment,
    Finding,
    Plan,
    Review,
    Severity,
)
from workbook.commands import review as module
from workbook.commands.review import parse_pr
from workbook.errors import UsageError


def made(severity: Severity | None = Severity.WARNING) -> Review:
    one = Finding(
        Agent.QUALITY,
        "quality/proposed",
        severity or Severity.WARNING,
        "a.py",
        2,
        3,
        {"claim": "x < y"},
        "ast",
        "x = y",
    )
    comments = (Comment("a.py", 3, comment_body([one]), one.severity, (one,), start_line=2),) if severity else ()
    change = Change("shop", "b" * 40, "a" * 40, (), problems=("1 file was too large",))
    plan = Plan((), unread={"x.bin": "binary"}, lines_added=4, lines_removed=1)
    reports = (AgentReport(Agent.QUALITY, (one,), begun=0.1, ended=0.4),)
    event = "REQUEST_CHANGES" if severity is Severity.CRITICAL else "COMMENT"
    return Review(change, plan, reports, comments, event, left_out={"muted": (one,)}, seconds=0.5)


class Given:
    """Stands for the reviewer; keeps the options and the change."""

    def __init__(self, review: Review) -> None:
        self.answer = review
        self.options: dict[str, Any] = {}
        self.changes: list[Change] = []

    def __call__(self, **options: Any) -> Given:
        self.options = options
        return self

    def review_now(self, change: Change) -> Review:
        self.changes.append(change)
        return self.answer


@pytest.fixture
def given(monkeypatch) -> Given:
    stand_in = Given(made())
    monkeypatch.setattr(module, "reviewer", stand_in)
    monkeypatch.setattr(module, "_change", lambda *_: stand_in.answer.change)
    return stand_in


def test_review_prints_the_documented_names(cli, given):
    from test_cli_json import compare, printed

    result = cli("review", "--json")
    assert result.exit_code == 0, result.output
    record = printed(result)
    assert record["counts"] == {"critical": 0, "warning": 1, "suggestion": 0}
    assert record["findings"][0]["line"] == 2
    assert record["not_posted"]["muted"][0]["rule"] == "quality/proposed"
    compare("review", record)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("severity", "fail_on", "code"),
    [
        (Severity.CRITICAL, "critical", 1), (Severity.CRITICAL, "warning", 1), (Severity.CRITICAL, "never", 0),
        (Severity.WARNING, "critical", 0), (Severity.WARNING, "warning", 1), (Severity.SUGGESTION, "warning", 0),
        (None, "warning", 0),
    ],
)  # fmt: skip
def test_the_exit_code_follows_the_worst_posted_finding(cli, given, severity, fail_on, code):
    given.answer = made(severity)
    assert cli("review", "--fail-on", fail_on).exit_code == code
    assert cli("review", "--fail-on", fail_on, "--json").exit_code == code


@pytest.mark.slow
@pytest.mark.parametrize(
    ("format", "part"),
    [
        ("terminal", "warning  a.py:2  Possible logic error"),
        ("json", '"fingerprint"'),
        ("sarif", '"2.1.0"'),
        ("html", "<!doctype html>"),
        ("github", '"event": "COMMENT"'),
    ],
)
def test_every_format_is_printed_and_written_alike(cli, given, tmp_path, format, part):
    printed = cli("review", "--format", format)
    assert printed.exit_code == 0, printed.output
    assert part in printed.stdout
    target = tmp_path / "out"
    written = cli("review", "--format", format, "--out", str(target))
    assert target.read_text() == printed.stdout
    assert f"{format} written to {target}" in written.stdout
    assert list(tmp_path.iterdir()) == [target]


def test_with_json_the_file_is_written_and_named(cli, given, tmp_path):
    target = tmp_path / "review.sarif"
    result = cli("review", "--format", "sarif", "--out", str(target), "--json")
    assert json.loads(result.stdout)["out"] == str(target)
    assert json.loads(target.read_text())["version"] == "2.1.0"


def test_budget_and_suggestions_reach_the_reviewer(cli, given):
    cli("review", "--budget", "0.1", "--suggestions")
    assert given.options == {"budget": 0.1, "suggestions": True}


def test_a_budget_of_nothing_is_an_option_and_what_is_not_given_is_left_to_the_environment(monkeypatch):
    orchestrator = pytest.importorskip("reference.agents.orchestrator")
    monkeypatch.setattr(orchestrator, "default_reviewer", lambda **options: options)
    assert module.reviewer(budget=0.0, suggestions=False) == {"budget": 0.0}
    assert module.reviewer(budget=None, suggestions=True) == {"suggestions": True}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--format", "xml"), "one of terminal, json, sarif, html, github"),
        (("--fail-on", "error"), "one of critical, warning, never"),
        (("--patch", "a", "--pr", "o/r#1"), "give one of them"),
        (("--patch", "/nowhere/a.patch"), "git diff main"),
        (("--repo", "/nowhere"), "name a git repository"),
        (("--base", "--output=x"), "name a branch, tag or commit"),
        (("--coverage", "/nowhere/coverage.xml"), "give the coverage.xml"),
        (("--out", "/nowhere/x/y"), "make it, or name another file"),
        (("--pr", "seven"), "give its URL, owner/name#12 or its number"),
        (("--pr", "12"), "set GITHUB_REPOSITORY=owner/name, or give"),
    ],
)
def test_a_wrong_command_line_says_what_to_do_before_any_work(cli, monkeypatch, args, said):
    monkeypatch.setattr(module, "reviewer", lambda **_: pytest.fail("began to work"))
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    result = cli("review", *args)
    assert result.exit_code == 2
    assert said in result.stderr
    failure = json.loads(cli("review", *args, "--json").stdout)["error"]
    assert failure["exit_code"] == 2
    assert said in failure["mend"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://github.example/acme/shop/pull/12", ("acme/shop", 12)),
        ("https://github.example/acme/shop/pull/12/files#x", ("acme/shop", 12)),
        ("acme/shop#12", ("acme/shop", 12)),
        ("#12", ("own/repo", 12)),
        ("12", ("own/repo", 12)),
    ],
)
def test_a_pull_request_can_be_named_in_three_ways(text, expected):
    assert parse_pr(text, "own/repo") == expected


def test_a_pull_request_of_another_server_is_not_looked_up_at_the_public_one(monkeypatch):
    monkeypatch.delenv("GITHUB_API_URL", raising=False)
    assert module.api_for("acme/shop#1") == "https://api.github.com"
    assert module.api_for("https://github.com/acme/shop/pull/1") == "https://api.github.com"
    with pytest.raises(UsageError, match=r"is on git\.acme\.example"):
        module.api_for("https://git.acme.example/acme/shop/pull/1")
    monkeypatch.setenv("GITHUB_API_URL", "https://git.acme.example/api/v3")
    assert module.api_for("https://git.acme.example/acme/shop/pull/1") == "https://git.acme.example/api/v3"


@pytest.mark.parametrize("text", ["a/b/c#1", "https://github.example/acme/shop/issues/1", "acme/shop", "", "-1", "1 2"])
def test_what_names_no_pull_request_is_refused(text):
    with pytest.raises(UsageError, match="names no pull request"):
        parse_pr(text, "own/repo")


def test_the_token_leaves_the_environment_before_the_pull_request_is_read(cli, monkeypatch):
    import os

    from reference.agents.github.client import GitHubReader

    seen = []

    def pull(self: GitHubReader, repository: str, number: int) -> Any:
        seen.append((repository, number, "GITHUB_TOKEN" in os.environ))
        raise UsageError("stop here")

    monkeypatch.setenv("GITHUB_TOKEN", "tok")
    monkeypatch.setattr(GitHubReader, "pull", pull)
    assert cli("review", "--pr", "acme/shop#3").exit_code == 2
    assert seen == [("acme/shop", 3, False)]


def test_review_serve_refuses_to_start_without_a_secret_or_a_token(cli, monkeypatch):
    for name in (
        "REVIEW_WEBHOOK_SECRET",
        "GITHUB_TOKEN",
        "GH_TOKEN",
        "REVIEW_POSTER_TOKEN",
        "REVIEW_POSTER_TOKEN_FILE",
    ):
        monkeypatch.delenv(name, raising=False)
    result = cli("review-serve")
    assert (result.exit_code, "REVIEW_WEBHOOK_SECRET" in result.stderr) == (2, True)
    monkeypatch.setenv("REVIEW_WEBHOOK_SECRET", "s")
    result = cli("review-serve")
    assert (result.exit_code, "no token to post with" in result.stderr) == (3, True)


def test_json_holds_no_line_of_the_change(given):
    assert "x = y" not in json.dumps(module.record(replace(given.answer, comments=given.answer.comments), None))
