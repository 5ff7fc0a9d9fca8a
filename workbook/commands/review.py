"""workbook review: a multi-agent code review of a change in a repository, a patch file or a pull request."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbook.commands import Json

if TYPE_CHECKING:
    from reference.agents.types import Change, Finding, Review

FORMATS = ("terminal", "json", "sarif", "html", "github")
FAIL_ON = ("critical", "warning", "never")


def command(
    repo: Annotated[Path, typer.Option("--repo", help="A git repository.")] = Path("."),
    base: Annotated[str, typer.Option("--base", help="Revision before the change.")] = "main",
    head: Annotated[str, typer.Option("--head", help="Revision after it.")] = "HEAD",
    patch: Annotated[Path | None, typer.Option("--patch", help="A unified diff instead of --base and --head.")] = None,
    pr: Annotated[
        str | None,
        typer.Option("--pr", help="A pull request: its URL, owner/name#12, or 12 with GITHUB_REPOSITORY set."),
    ] = None,
    coverage: Annotated[Path | None, typer.Option("--coverage", help="coverage.xml of your CI run.")] = None,
    format: Annotated[
        str, typer.Option("--format", help="terminal, json, sarif, html or github (the review's payload).")
    ] = "terminal",
    out: Annotated[Path | None, typer.Option("--out", help="Write it to this file, not to standard output.")] = None,
    budget: Annotated[
        float | None,
        typer.Option("--budget", min=0.0, help="Most dollars for language models (0.50 or WORKBOOK_REVIEW_BUDGET)."),
    ] = None,
    suggestions: Annotated[bool, typer.Option("--suggestions", help="Show suggestions as well.")] = False,
    outcomes: Annotated[
        Path | None,
        typer.Option("--outcomes", help="Keep what is posted, mute what nobody acts on [default: if it exists]."),
    ] = None,
    fail_on: Annotated[
        str, typer.Option("--fail-on", help="Exit code 1 from this severity on: critical, warning or never.")
    ] = "critical",
    json: Json = False,
) -> None:
    """Review a change by five specialists. Nothing of it is imported, run or checked out.

    Exit code 1 if a finding is as bad as --fail-on says.
    """
    from reference.agents.types import Severity
    from workbook import console
    from workbook.commands.review_feedback import open_store
    from workbook.errors import FAILED, UsageError

    if format not in FORMATS:
        raise UsageError(f"--format {format} is not known", f"one of {', '.join(FORMATS)}")
    if fail_on not in FAIL_ON:
        raise UsageError(f"--fail-on {fail_on} is not known", f"one of {', '.join(FAIL_ON)}")
    if patch is not None and pr is not None:
        raise UsageError("--patch and --pr are two different changes", "give one of them")
    if out is not None and not out.absolute().parent.is_dir():
        raise UsageError(f"the folder of {out} does not exist", "make it, or name another file")
    change = _change(repo, base, head, patch, pr, coverage)
    store = open_store(outcomes)
    try:
        kept = {} if store is None else {"outcomes": store}
        review = reviewer(budget=budget, suggestions=suggestions, **kept).review_now(change)
        if store is not None:
            store.record_posted(review)
    finally:
        if store is not None:
            store.close()
    failed = fail_on != "never" and any(one.severity >= Severity[fail_on.upper()] for one in review.findings)
    text = None if json and out is None else rendered(review, format, color=out is None and _is_terminal())
    if out is not None and text is not None:
        _write(out, text)
    if json:
        console.emit_json("review", record(review, out))
    elif out is not None:
        console.say(console.stdout(), f"{format} written to {out}")
    elif text is not None:
        typer.echo(text, nl=False)
    if failed:
        raise typer.Exit(FAILED)


def reviewer(**options: Any) -> Any:
    """The reviewer of the command line and of `review-serve`; options that stand at their default are left out."""
    from reference.agents.orchestrator import default_reviewer

    # 0.0 equals False, and a budget of nothing is an option that was given
    return default_reviewer(**{name: value for name, value in options.items() if not (value is None or value is False)})


def _change(repo: Path, base: str, head: str, patch: Path | None, pr: str | None, coverage: Path | None) -> Change:
    from dataclasses import replace

    from workbook.errors import UsageError

    if coverage is not None and not coverage.is_file():
        raise UsageError(f"--coverage {coverage} is no file", "give the coverage.xml that your CI run wrote")
    if pr is not None:
        change = _pull_request(pr)
    elif patch is not None:
        if not patch.is_file():
            raise UsageError(f"--patch {patch} is no file", "write one with `git diff main > change.patch`")
        from reference.agents.sources import from_patch

        change = from_patch(patch, repo if (repo / ".git").exists() else None)
    else:
        if not repo.is_dir():
            raise UsageError(f"--repo {repo} is no folder", "name a git repository, or give --patch FILE")
        for option, revision in (("--base", base), ("--head", head)):
            if not revision or revision.startswith("-"):
                raise UsageError(f"{option} {revision!r} is no revision", "name a branch, tag or commit")
        from reference.agents.sources import from_git

        change = from_git(repo, base, head)
    if coverage is not None:
        from reference.agents.sources import read_coverage

        change = replace(change, coverage=read_coverage(coverage, change))
    return change


def _pull_request(text: str) -> Change:
    """The token leaves the environment before anything of the pull request is read."""
    import os

    from reference.agents.github.client import GitHubReader
    from reference.agents.publish.posting import take_token

    repository, number = parse_pr(text, os.environ.get("GITHUB_REPOSITORY", ""))
    reader = GitHubReader(api_for(text), take_token(os.environ))
    return reader.change(reader.pull(repository, number))


def api_for(text: str) -> str:
    """GITHUB_API_URL, or the public one for what does not name another server. Raises UsageError."""
    import os

    from reference.agents.github.client import API
    from workbook.errors import UsageError

    host = re.match(r"https?://([^/\s]+)/", text)
    given = os.environ.get("GITHUB_API_URL", "")
    if not given and host and host[1] not in ("github.com", "www.github.com"):
        raise UsageError(f"--pr {text} is on {host[1]}", f"set GITHUB_API_URL, such as https://{host[1]}/api/v3")
    return given or API


def parse_pr(text: str, repository: str) -> tuple[str, int]:
    """("owner/name", number) of a URL, owner/name#12, or a number in `repository`. Raises UsageError."""
    from workbook.errors import UsageError

    name = r"([A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100})"
    if found := re.fullmatch(rf"https?://[^/\s]+/{name}/pull/(\d{{1,9}})(?:[/?#].*)?", text):
        return found[1], int(found[2])
    if found := re.fullmatch(rf"{name}#(\d{{1,9}})", text):
        return found[1], int(found[2])
    if re.fullmatch(r"#?\d{1,9}", text):
        if re.fullmatch(name, repository):
            return repository, int(text.removeprefix("#"))
        raise UsageError(
            f"--pr {text}: of which repository?", "set GITHUB_REPOSITORY=owner/name, or give owner/name#12"
        )
    raise UsageError(f"--pr {text} names no pull request", "give its URL, owner/name#12 or its number")


def rendered(review: Review, format: str, *, color: bool = False) -> str:
    import json

    from reference.agents import publish

    if format == "terminal":
        return publish.terminal(review, color=color)
    if format == "html":
        return publish.html(review).rstrip("\n") + "\n"
    made = {"sarif": publish.sarif, "github": publish.github_payload, "json": lambda one: record(one, None)}[format]
    return json.dumps(made(review), indent=2) + "\n"


def record(review: Review, out: Path | None) -> dict[str, Any]:
    """The names of docs/cli-json.md. No line of the change is in it: it may hold a secret."""
    return {
        "review": {
            "repository": review.change.repository,
            "base": review.change.base,
            "head": review.change.head,
            "event": review.event,
            "skipped": review.plan.skip,
            "files": len(review.change.files),
            "lines_added": review.plan.lines_added,
            "lines_removed": review.plan.lines_removed,
            "seconds": round(review.seconds, 3),
            "cost": review.cost,
            "budget": review.plan.budget,
            "headline": review.headline,
        },
        "counts": {
            name: sum(one.severity.word == name for one in review.findings)
            for name in ("critical", "warning", "suggestion")
        },
        "findings": [_finding(one) for one in review.findings],
        "not_posted": {reason: [_finding(one) for one in left] for reason, left in sorted(review.left_out.items())},
        "specialists": [
            {
                "agent": one.agent.value,
                "status": one.status.value,
                "reason": one.reason,
                "findings": len(one.findings),
                "seconds": round(max(0.0, one.ended - one.begun), 3),
                "cost": one.cost,
                "calls": one.calls,
                "input_tokens": one.input_tokens,
                "output_tokens": one.output_tokens,
            }
            for one in review.reports
        ],
        "unread": [{"file": path, "reason": why} for path, why in sorted(review.plan.unread.items())],
        "notes": list(dict.fromkeys((*review.notes, *review.change.problems))),
        "out": str(out) if out else None,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    from reference.agents.publish.escape import visible
    from reference.agents.publish.text import plain_text

    title, why, mend = plain_text(finding)
    return {
        "rule": finding.rule,
        "agent": finding.agent.value,
        "severity": finding.severity.word,
        "path": finding.path,
        "line": finding.line,
        "end_line": finding.end_line,
        "title": title,
        "why": why,
        "mend": mend,
        "tool": visible(finding.tool, 80),
        "confidence": finding.confidence,
        "fingerprint": finding.fingerprint,
    }


def _is_terminal() -> bool:
    import sys

    return sys.stdout.isatty()


def _write(target: Path, text: str) -> None:
    """Whole or not at all."""
    import os
    import tempfile

    with tempfile.NamedTemporaryFile("w", dir=target.absolute().parent, suffix=".tmp", delete=False) as file:
        file.write(text)
    os.replace(file.name, target)
