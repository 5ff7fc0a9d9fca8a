"""SARIF, terminal and page: complete, in order, and harmless whatever the change says."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from reference.agents.publish import html, sarif, terminal
from reference.agents.publish.text import comment_body
from reference.agents.rules import Rule
from reference.agents.types import (
    Agent,
    AgentReport,
    Change,
    ChangedFile,
    Comment,
    DiffLine,
    Finding,
    Hunk,
    Plan,
    Review,
    Role,
    Severity,
    Status,
    Step,
)


def finding(claim: str = "a", rule: str = "quality/proposed", line: int = 2, **fields: Any) -> Finding:
    values = {"claim": claim}
    given = {"agent": Agent(rule.split("/")[0]), "severity": Severity.WARNING, "values": values} | fields
    return Finding(rule=rule, path=given.pop("path", "app/a b.py"), line=line, end_line=line, **given)


def review(*findings: Finding, text: str = "new = 1", **fields: Any) -> Review:
    lines = (
        DiffLine("context", "def f():", 1, 1), DiffLine("removed", "old = 1", 2, None),
        DiffLine("added", text, None, 2),
        DiffLine("context", "return", 3, 3),
    )  # fmt: skip
    path = findings[0].path if findings else "a.py"
    file = ChangedFile(path, "modified", Role.SOURCE, "python", hunks=(Hunk(1, 3, 1, 3, lines),))
    change = Change("acme/shop", "b", "h" * 40, (file,), title=text, problems=(text,))
    plan = Plan((Step(Agent.QUALITY, (path,), text, 20),), unread={"x.bin": "binary"}, lines_added=1)
    reports = (
        AgentReport(Agent.QUALITY, findings, begun=0.1, ended=1.5),
        AgentReport(Agent.TESTS, status=Status.TIMED_OUT, reason=text, begun=0.1, ended=2.0),
    )
    comments = tuple(Comment(f.path, f.line, comment_body([f]), f.severity, (f,)) for f in findings)
    return Review(change, plan, reports, comments, "COMMENT", notes=(text,), seconds=2.1, **fields)


# OASIS's schema of SARIF 2.1.0 without its descriptions; the file says which package it is from.
STORED = json.loads((Path(__file__).parent / "data" / "sarif_schema.json").read_text(encoding="utf-8"))


VALIDATOR = Draft4Validator(STORED["schema"])


def faults(log: object) -> list[str]:
    return [f"{list(one.absolute_path)}: {one.message}" for one in VALIDATOR.iter_errors(log)]


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.text(min_size=1, max_size=40))
def test_a_sarif_log_fits_the_standard_whatever_the_change_says(text, path):
    log = sarif(review(finding(text, path=path), text=text, left_out={"muted": (finding(text, "tests/proposed"),)}))
    assert faults(log) == []


def test_the_schema_finds_a_wrong_log():
    log = sarif(review(finding()))
    log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] = 0
    log["runs"][0]["results"][0]["levle"] = "note"
    assert len(faults(log)) == 2


def test_every_finding_is_in_the_log_and_only_muted_ones_are_suppressed():
    left = {"muted": (finding("b", "tests/proposed"),), "over the cap": (finding("c"),)}
    [run] = sarif(review(finding("a"), left_out=left))["runs"]
    assert [bool(one.get("suppressions")) for one in run["results"]] == [False, True, False]
    assert [one["properties"].get("notPosted") for one in run["results"]] == [None, "muted", "over the cap"]
    for one in run["results"]:
        assert run["tool"]["driver"]["rules"][one["ruleIndex"]]["id"] == one["ruleId"]
    assert run["results"][0]["partialFingerprints"] == {"reviewFinding/v1": finding("a").fingerprint}
    assert run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "app/a%20b.py"


def test_rules_carry_their_cwe_and_severity(monkeypatch):
    made = Rule("security/x", Severity.CRITICAL, "T {claim}", "Why.", "Mend.", cwe=89, owasp="A03:2021")
    for module in ("text", "sarif_log"):
        monkeypatch.setattr(f"reference.agents.publish.{module}.rule_of", lambda id: made)
    [run] = sarif(review(finding("[x](y)", "security/x", severity=Severity.CRITICAL)))["runs"]
    [rule] = run["tool"]["driver"]["rules"]
    assert rule["properties"]["tags"] == ["security", "A03:2021", "external/cwe/cwe-089"]
    assert rule["properties"]["security-severity"] == "8.5"
    assert rule["shortDescription"]["text"] == "T (claim)"
    assert run["results"][0]["level"] == "error"
    assert run["results"][0]["message"]["text"].startswith("T \\[x\\](y).")  # no embedded link


def test_a_part_that_timed_out_makes_the_run_unsuccessful_and_says_so():
    [run] = sarif(review(finding()))["runs"]
    [invocation] = run["invocations"]
    assert invocation["executionSuccessful"] is False
    assert invocation["toolExecutionNotifications"][0]["message"]["text"] == "tests: timed out: new = 1"


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80))
def test_no_control_sequence_reaches_the_terminal(text):
    shown = terminal(review(finding(text), text=text))
    assert not any((ord(c) < 32 and c != "\n") or 0x7F <= ord(c) < 0xA0 or 0xD800 <= ord(c) < 0xE000 for c in shown)


def test_the_terminal_shows_where_what_and_why_and_takes_no_markup_from_the_change():
    shown = terminal(review(finding("[red]x[/red]")))
    assert "warning  app/a b.py:2  Possible logic error" in shown
    assert "[red]x[/red]" in shown
    assert "1 warning; 2.1 s, no language model; COMMENT" in shown
    assert "\x1b[" in terminal(review(finding()), color=True)


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


PLAIN = Page()
PLAIN.feed(html(review(finding(), left_out={"muted": (finding("b"),)})))
HOSTILE = st.sampled_from(
    ["<script>alert(1)</script>", "<img src=x onerror=y>", '"><a href=z>', "</style>", "{{ 7*7 }}"]
)


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.text(max_size=60), HOSTILE))
def test_no_text_of_a_change_becomes_a_tag_or_an_attribute_of_the_page(text):
    page = Page()
    page.feed(html(review(finding(text), text=text, headline=text, left_out={text: (finding(text),)})))
    assert page.tags <= PLAIN.tags | {"p"}
    assert page.attributes <= PLAIN.attributes
    assert not page.tags & {"script", "a", "img", "link", "iframe", "form", "object"}
    assert not page.attributes & {"href", "src", "onerror", "onload", "style"}


def test_the_page_forbids_everything_from_outside_and_shows_every_part():
    page = html(review(finding("x < y"), left_out={"muted": (finding("b"),)}))
    assert "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'" in page
    for part in (
        "x &lt; y",
        'class="added marked"',
        'class="removed"',
        "timed out",
        "muted: 1 warning",
        "x.bin",
        "1.40 s",
    ):
        assert part in page, part


@pytest.mark.parametrize("render", [html, terminal, lambda made: str(sarif(made))], ids=["html", "terminal", "sarif"])
def test_a_secret_of_the_change_is_shown_nowhere(monkeypatch, render):
    made = Rule("security/hardcoded-secret", Severity.CRITICAL, "Secret in {name}", "Why.", "Mend.", cwe=798)
    for module in ("text", "sarif_log"):
        monkeypatch.setattr(f"reference.agents.publish.{module}.rule_of", lambda id: made)
    value = "swordfish" + "42"
    one = finding(rule="security/hardcoded-secret", values={"name": value}, evidence=f"password = '{value}'")
    made_review = review(one)
    line = DiffLine("added", f"password = '{value}'", None, 2)
    file = ChangedFile(one.path, "modified", Role.SOURCE, hunks=(Hunk(1, 0, 2, 1, (line,)),))
    shown = render(replace(made_review, change=replace(made_review.change, files=(file,))))
    assert value not in shown
    assert "hidden" in shown
