"""Markdown of a comment and of the summary: our templates, with every untrusted part in a code span."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from reference.agents.rules import rule as rule_of
from reference.agents.types import Finding, Review, ReviewError, Severity, Status

from .escape import code, code_inner, path_code, prose, visible, without_secrets

COMMENT_LIMIT = 700
SUMMARY_LIMIT = 6000
OTHERS = 3  # further findings on the same lines that one comment names
# Broad on purpose: a value beside a secret is hidden rather than shown.
_SECRET_CWE = frozenset({256, 257, 259, 260, 312, 319, 321, 522, 540, 615, 798})
_FIELD = re.compile("\0([A-Za-z_][A-Za-z0-9_]*)\0")
_COUNTED = {Severity.CRITICAL: "critical", Severity.WARNING: "warning", Severity.SUGGESTION: "suggestion"}


def about_secrets(finding: Finding) -> bool:
    """Whether the lines of this finding hold a secret, so that they are never shown."""
    return rule_of(finding.rule).cwe in _SECRET_CWE or bool(re.search(r"secret|credential|password|key", finding.rule))


def filled(finding: Finding, limit: int = 120) -> tuple[str, str, str]:
    """(title, why, mend) as Markdown; each value at most `limit` characters.

    Raises:
        ReviewError: the rule is not in the registry, or its template names a value that the finding does not give.
    """
    secret = about_secrets(finding)
    marks = {name: f"\0{name}\0" for name in finding.values}
    texts = rule_of(finding.rule).filled(marks)
    title, why, mend = (_put_in(text, finding, limit, secret) for text in texts)
    return title, why, mend


def _put_in(template: str, finding: Finding, limit: int, secret: bool) -> str:
    """A field inside a code span of the template is put in bare, any other gets a code span of its own."""
    spans = template.count("`")
    if spans % 2:  # an open span of ours would swallow what follows
        template = template.replace("`", "")
    template = _tame(template)
    made = ""
    at = 0
    for found in _FIELD.finditer(template):
        made += template[at : found.start()]
        value = str(finding.values[found[1]])
        inside = template[: found.start()].count("`") % 2 == 1
        made += code_inner(value, limit, secret=secret) if inside else code(value, limit, secret=secret)
        at = found.end()
    return " ".join((made + template[at:]).split())


def _tame(template: str) -> str:
    """Words of a template that Markdown could read as something (list[int], <head>) put into code spans."""
    parts = template.split("`")
    for number in range(0, len(parts), 2):
        parts[number] = re.sub(
            r"[^\s\0]*(?:[<>\[\]\\~|&*_@]|://|#\d|GH-\d)[^\s\0]*", lambda found: code(found[0]), parts[number]
        )
    return "`".join(parts)


def plain_text(finding: Finding) -> tuple[str, str, str]:
    """(title, why, mend) for terminal, HTML and SARIF: one line each, no unseen characters, no Markdown."""
    secret = about_secrets(finding)
    values = {
        name: visible(without_secrets(str(value), secret=secret)) or "(empty)" for name, value in finding.values.items()
    }
    title, why, mend = rule_of(finding.rule).filled(values)
    return visible(title, 400), visible(why, 900), visible(mend, 700)


def comment_body(findings: Sequence[Finding]) -> str:
    """One comment for findings on the same lines: the worst in full, the others by title; at most 700 characters.

    Raises:
        ReviewError: no finding, or one whose rule or values are not in order.
    """
    if not findings:
        raise ReviewError("a comment needs at least one finding")
    ordered = sorted(findings, key=lambda one: (-one.severity, one.rule))
    for limit, others, parts in ((120, OTHERS, 3), (60, OTHERS, 3), (60, 1, 3), (40, 1, 2), (30, 0, 2), (24, 0, 1)):
        body = _body(ordered, limit, others, parts)
        if len(body) <= COMMENT_LIMIT:
            return body
    return _body(ordered, 16, 0, 0)


def _body(findings: Sequence[Finding], limit: int, others: int, parts: int) -> str:
    """`parts`: 3 says why and mend, 2 the first sentence of why and the mend, 1 the mend alone, 0 neither."""
    first, rest = findings[0], findings[1:]
    # A language model's claim is a sentence: it gets the room that a name does not need.
    title, why, mend = filled(first, 2 * limit if "claim" in first.values else limit)
    paragraphs = [f"**{first.severity.word.capitalize()}:** {title}"]
    if parts == 3:
        paragraphs.append(why)
    elif parts == 2:
        paragraphs.append(_first_sentence(why))
    if parts:
        paragraphs.append(f"**Mend:** {mend}")
    if rest:
        named = [f"- **{one.severity.word}:** {filled(one, limit)[0]} (`{one.rule}`)" for one in rest[:others]]
        left = len(rest) - len(named)
        if left:
            named.append(f"- and {left} more on these lines")
        paragraphs.append("Also here:\n\n" + "\n".join(named))
    agents = ", ".join(dict.fromkeys(one.agent.value for one in findings))
    paragraphs.append(f"`{first.rule}` · found by {agents} · id `{first.fingerprint}`")
    return "\n\n".join(paragraphs)


def _first_sentence(text: str) -> str:
    """Up to the first full stop outside a code span."""
    inside = False
    for at, character in enumerate(text):
        if character == "`":
            inside = not inside
        elif character == "." and not inside and text[at + 1 : at + 2] in ("", " "):
            return text[: at + 1]
    return text


def counts(findings: Sequence[Finding]) -> str:
    """Such as "1 critical, 2 warnings"."""
    by = Counter(one.severity for one in findings)
    words = [f"{by[s]} {word}{'s' if by[s] > 1 and s < 3 else ''}" for s, word in _COUNTED.items() if by[s]]
    return ", ".join(words) or "no findings"


def summary(review: Review) -> str:
    """The review's own comment: what was found, what nobody looked at, what did not work, what it cost."""
    lines = [f"**Automated review:** {_verdict(review)}"]
    if review.headline:
        lines += ["", prose(review.headline, 200)]
    if hidden := _left_out(review):
        lines += ["", f"Not posted: {hidden}."]
    problems = _problems(review)
    if problems:
        lines += ["", "What this review did not see:", "", *(f"- {one}" for one in problems)]
    cost = f"${review.cost:.4f} for language models" if review.cost else "no language model was called"
    lines += ["", f"{_scope(review)} {review.seconds:.1f} s, {cost}. This review never approves."]
    text = "\n".join(lines)
    if len(text) > SUMMARY_LIMIT:  # only many problems can be that long
        cut = "\n".join(lines[: 4 + 10])
        text = f"{cut[: SUMMARY_LIMIT - 200].rpartition(chr(10))[0]}\n- and more\n\n{lines[-1]}"
    return text


def _verdict(review: Review) -> str:
    if review.plan.skip:
        return f"not needed: {prose(review.plan.skip, 200)}"
    if not review.findings:
        return "nothing to say about this change."
    where = len({comment.path for comment in review.comments})
    critical = any(one.severity is Severity.CRITICAL for one in review.findings)
    asked = " Changes are requested because of what is critical." if critical else ""
    return f"{counts(review.findings)} in {where} file{'s' if where != 1 else ''}.{asked}"


def _left_out(review: Review) -> str:
    shown = [f"{len(found)} {prose(reason, 60)}" for reason, found in sorted(review.left_out.items()) if found]
    return ", ".join(shown)


def _scope(review: Review) -> str:
    files = len(review.change.files)
    return (
        f"{files} file{'s' if files != 1 else ''}, {review.plan.lines_added} lines added, "
        f"{review.plan.lines_removed} removed;"
    )


def _problems(review: Review) -> list[str]:
    made = [
        f"{one.agent.value}: {one.status.value}{'; ' + prose(one.reason, 200) if one.reason else ''}"
        for one in review.reports
        if one.status not in (Status.OK, Status.SKIPPED)
    ]
    made += [shown for note in dict.fromkeys((*review.notes, *review.change.problems)) if (shown := prose(note))]
    unread = [f"{path_code(path, 80)} ({prose(why, 60)})" for path, why in sorted(review.plan.unread.items())]
    if unread:
        more = f" and {len(unread) - 5} more" if len(unread) > 5 else ""
        made.append(f"not read: {', '.join(unread[:5])}{more}")
    return made
