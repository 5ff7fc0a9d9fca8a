"""Whatever stands in a change, the Markdown made of it links, mentions and orders nothing."""

from __future__ import annotations

import importlib.util
import re
import string
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from reference.agents.publish.escape import code, path_code, prose, visible
from reference.agents.publish.poster import fault_of
from reference.agents.publish.text import COMMENT_LIMIT, SUMMARY_LIMIT, comment_body, plain_text, summary
from reference.agents.rules import Rule, registry
from reference.agents.types import (
    Agent,
    AgentReport,
    Change,
    Comment,
    Finding,
    Plan,
    Review,
    ReviewError,
    Severity,
    Status,
)

ALLOWED = {
    "paragraph_open", "paragraph_close", "inline", "text", "code_inline", "softbreak", "strong_open", "strong_close",
    "bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close",
}  # fmt: skip
PIECES = st.sampled_from(
    [
        "`", "``", "```\n", "@octo", "@org/team", "#12", "GH-1", "owner/repo#1", "owner/repo@deadbeef1",
        "deadbeefdeadbee",
        "https://evil.example/x", "www.evil.example", "a@evil.example", "![x](y)", "[x](http://y.example)", "[x]: /y",
        "<img src=x>", "<!--", "-->", "</code>", "&lt;", "\\", "\n", "\n\n", "- [ ] do", "/merge", "fixes #3", "closes",
        "\u202e", "\u200b", "\x00", "\x1b[2J", "{", "}", "{0}", "{claim}", "|", "$`", "`$", "~~~\n", "    ", "# top\n",
        "1. x", ">", "\ud800", "*", "_", "é", "变量", "\u3164", "***", "\r", "\u2028", "<script>", "mailto:a@b.example",
    ]
)  # fmt: skip
NASTY = st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=12).map("".join), PIECES.map(lambda one: one * 60))


def outside_code(markdown: str) -> str:
    """The rendered text that GitHub would look through: all of it but code spans. Fails on any other construct."""
    options = {"html": True, "linkify": importlib.util.find_spec("linkify_it") is not None}
    parser = MarkdownIt("gfm-like" if options["linkify"] else "commonmark", options)
    shown = []
    for block in parser.parse(markdown):
        for token in (block, *(block.children or ())):
            assert token.type in ALLOWED, token
            if token.type == "text":
                shown.append(token.content)
    return "".join(shown)


def assert_harmless(markdown: str) -> None:
    text = outside_code(markdown)
    assert not re.search(r"[@<>\[\]\\]|#|://|www\.|GH-\d|\b[0-9a-f]{7,40}\b|^\s*/", text, re.I | re.M), text
    # Other bots read the raw text.
    assert not re.search(r"@|://|www\.|#\d|\n\s*/|\n\s*[-*] \[", markdown, re.I), markdown
    hidden = r"[\x00-\x09\x0b-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
    assert not re.search(hidden, markdown)
    assert fault_of(markdown) == ""  # the poster's own check agrees


def finding(claim: str, **fields: object) -> Finding:
    made = Finding(Agent.QUALITY, "quality/proposed", Severity.WARNING, "app/a.py", 3, 3, {"claim": claim})
    return replace(made, **fields)  # type: ignore[arg-type]


def review(*findings: Finding, **fields: object) -> Review:
    comments = tuple(Comment(f.path, f.line, comment_body([f]), f.severity, (f,)) for f in findings)
    made = Review(Change("o/r", "b", "h", ()), Plan(()), (), comments, "COMMENT")
    return replace(made, **fields)  # type: ignore[arg-type]


@pytest.mark.slow
@settings(max_examples=300)
@given(NASTY, NASTY)
def test_no_value_of_a_finding_becomes_more_than_text_in_a_code_span(one, other):
    body = comment_body([finding(one), finding(other, rule="quality/proposed", severity=Severity.CRITICAL)])
    assert_harmless(body)
    assert len(body) <= COMMENT_LIMIT


@pytest.mark.slow
@settings(max_examples=200)
@given(NASTY, NASTY, NASTY)
def test_no_path_title_note_reason_or_headline_of_a_review_becomes_more_than_text(path, note, title):
    made = review(finding(note, path=path))
    made = replace(
        made,
        change=replace(made.change, title=title, body=note, problems=(title,)),
        plan=replace(made.plan, unread={path: note}, skip=title),
        notes=(note,),
        headline=title,
        left_out={note: (finding(title),)},
        reports=(AgentReport(Agent.TESTS, status=Status.FAILED, reason=title),),
    )
    text = summary(made)
    assert_harmless(text)
    assert len(text) <= SUMMARY_LIMIT


@pytest.mark.slow
@settings(max_examples=200)
@given(NASTY)
def test_every_escape_gives_one_line_that_is_harmless(text):
    for made in (code(text), path_code(text), prose(text)):
        assert "\n" not in made
        assert_harmless(f"Word {made} word")


@given(st.text(alphabet=string.ascii_letters + " ", max_size=80))
def test_plain_words_are_shown_as_they_are(text):
    words = [word for word in text.split() if not re.fullmatch("[a-fA-F]{7,}", word)]
    assert prose(" ".join(words)) == " ".join(words)


def test_a_comment_says_severity_title_why_mend_rule_agent_and_the_id_for_feedback():
    one = finding("`x` may be None")
    body = comment_body([one])
    assert body.startswith("**Warning:** Possible logic error\n")
    assert "A language model claims, and a second call did not refute: `'x' may be None`" in body
    assert "**Mend:** Check the claim" in body
    assert body.endswith(f"`quality/proposed` · found by quality · id `{one.fingerprint}`")


def test_the_worst_finding_leads_and_the_others_are_named():
    security = finding("b", agent=Agent.SECURITY, rule="security/proposed", severity=Severity.CRITICAL)
    body = comment_body([finding("a"), security])
    assert body.startswith("**Critical:** Possible security fault")
    assert "- **warning:** Possible logic error (`quality/proposed`)" in body
    assert "found by security, quality" in body


@pytest.mark.parametrize("one", registry().values(), ids=lambda rule: rule.id)
def test_every_rule_of_the_registry_fits_into_a_comment_with_why_and_mend(one: Rule):
    values = dict.fromkeys(one.fields, "some_name")
    body = comment_body([Finding(one.agent, one.id, one.severity, "a.py", 1, 1, values)])
    assert len(body) <= COMMENT_LIMIT
    assert body.count("`") % 2 == 0
    assert "**Mend:**" in body
    assert_harmless(body)


def test_a_field_inside_a_code_span_of_the_template_stays_inside_it(monkeypatch):
    made = Rule("quality/x", Severity.WARNING, "Call `f({name})` and {name}", "Why {name}.", "Mend.")
    monkeypatch.setattr("reference.agents.publish.text.rule_of", lambda id: made)
    body = comment_body([finding("", rule="quality/x", values={"name": "a`b"})])
    assert body.startswith("**Warning:** Call `f(a'b)` and `a'b`\n")
    assert_harmless(body)


@pytest.mark.parametrize("text", ["Use list[int] here.", "a <b> c", "see #12 or @x", "a|b ~x~ __init__ & *x*"])
def test_a_template_of_ours_that_markdown_could_misread_is_tamed(monkeypatch, text):
    made = Rule("quality/x", Severity.WARNING, text, text + " and {name}", "Mend.")
    monkeypatch.setattr("reference.agents.publish.text.rule_of", lambda id: made)
    assert_harmless(comment_body([finding("", rule="quality/x", values={"name": "a"})]))


def test_braces_inside_a_value_are_not_filled_again():
    assert "`{claim} {0}`" in comment_body([finding("{claim} {0}")])


def test_a_missing_value_and_an_empty_comment_are_refused():
    with pytest.raises(ReviewError, match="quality/proposed: the finding gives no value for claim"):
        comment_body([finding("", values={})])
    with pytest.raises(ReviewError, match="at least one finding"):
        comment_body([])


def test_what_looks_like_a_secret_is_never_shown():
    token = "".join(("Zx9", "kQ2mVb7", "RtY4wLp8", "Nc3Hd6Js1"))
    short = "hunter" + "2hunter"
    for text in (comment_body([finding(f"key {token} found")]), prose(f"key {token} found"), code(token)):
        assert token not in text
        assert "hidden: 27 characters" in text.replace("`", "")
    assert short in code(short)
    assert short not in code(short, secret=True)


def test_values_beside_a_secret_are_hidden_in_every_text(monkeypatch):
    made = Rule("security/hardcoded", Severity.CRITICAL, "Secret in {name}", "Why {name}.", "Mend.", cwe=798)
    monkeypatch.setattr("reference.agents.publish.text.rule_of", lambda id: made)
    value = "swordfish" + "42"
    one = finding("", rule="security/hardcoded", values={"name": value})
    assert value not in comment_body([one])
    assert value not in " ".join(plain_text(one))


def test_unseen_characters_are_made_visible_not_dropped():
    assert visible("user\u202eadmin\u200b") == "user\ufffdadmin\ufffd"
    assert visible("a\n\tb\u2028c") == "a b c"
    assert visible("x" * 300, 10) == "xxxxxxxxx…"


def test_a_long_path_keeps_its_end():
    assert path_code("a/" * 200 + "name.py").endswith("a/name.py`")


def test_the_summary_names_degraded_parts_what_was_not_read_and_the_cost():
    reports = (
        AgentReport(Agent.SECURITY, status=Status.TIMED_OUT, reason="bandit did not finish within 20 s"),
        AgentReport(Agent.QUALITY, cost=0.0123),
    )
    made = review(finding("x"), reports=reports, seconds=3.21, left_out={"muted": (finding("y"),)})
    made = replace(made, plan=replace(made.plan, unread={"big.min.js": "generated"}, lines_added=12))
    text = summary(made)
    assert "1 warning in 1 file." in text
    assert "- security: timed out; bandit did not finish within 20 s" in text
    assert "not read: `big.min.js` (generated)" in text
    assert "Not posted: 1 muted." in text
    assert "12 lines added" in text
    assert "3.2 s, $0.0123 for language models" in text


def test_a_clean_change_gets_one_short_paragraph():
    text = summary(review())
    assert text.startswith("**Automated review:** nothing to say about this change.")
    assert len(text.splitlines()) == 3
