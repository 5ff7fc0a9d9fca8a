"""workbook moderate: decisions, with reasons, about the posts of a file."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbook.commands import Json

if TYPE_CHECKING:
    from reference.moderation.pipeline import Moderator
    from reference.moderation.posts_io import Problem
    from reference.moderation.types import Decision, Post

BATCH = 256


def command(
    file: Annotated[str, typer.Argument(help="Posts: .jsonl, one per line, or .json, an array.", metavar="FILE")],
    out: Annotated[str | None, typer.Option("--out", help="Write every decision here, one JSON object a line.")] = None,
    statements: Annotated[
        str | None, typer.Option("--statements", help="Write a DSA statement of reasons per rejection here.")
    ] = None,
    policy: Annotated[str | None, typer.Option("--policy", help="Folder of policy files [default: shipped].")] = None,
    review: Annotated[
        bool, typer.Option("--review", help="Log the decisions, and queue what is escalated for `review-queue`.")
    ] = False,
    json: Json = False,
) -> None:
    """Decide about your own posts: approve, reject or escalate, each with its reasons. Nothing leaves this machine.

    Exit code 1 if a line of the file could not be read as a post; such a post goes to a person.
    """
    from reference.moderation.pipeline import default_moderator
    from reference.moderation.posts_io import read_posts
    from reference.moderation.record import statement_of, write_statements
    from workbook import console
    from workbook.errors import FAILED

    log = console.stderr() if json else console.stdout()
    posts, problems = read_posts(file)
    if out:
        _writable(out)
    if statements:
        _writable(statements)
    with contextlib.ExitStack() as stack:
        moderator = default_moderator(policy, **(_review_parts(stack) if review else {}))
        begun = time.perf_counter()
        decisions = [one for batch in _batches(posts) for one in moderator.decide(batch)]
        seconds = time.perf_counter() - begun
    unread = [made for problem in problems if (made := problem.decision({"policy": "none"}))]
    rejected = [
        statement_of(post, made, moderator.policy_of(post))
        for post, made in zip(posts, decisions, strict=True)
        if made.action == "reject"
    ]
    if out:
        _write_decisions(Path(out), [*decisions, *unread])
    if statements:
        write_statements(statements, rejected)
    everything = [*decisions, *unread]
    if json:
        console.emit_json("moderate", _record(moderator, everything, problems, seconds, len(rejected), out, statements))
    else:
        _show(log, everything, problems, seconds)
        for name, target in (("decisions", out), ("statements", statements)):
            if target:
                console.say(log, f"{name} written to {target}")
    if problems:
        raise typer.Exit(FAILED)


def _review_parts(stack: contextlib.ExitStack) -> dict[str, Any]:
    """The log and the queue that `workbook review-queue` works with."""
    from reference.moderation.review import ReviewQueue
    from reference.serving.redis_store import connect
    from workbook.commands.review_queue import decision_log

    client = connect(None)
    stack.callback(client.close)
    log = decision_log(None, stack)
    return {"log": log, "reviews": ReviewQueue(client, log)}


def _batches(posts: Sequence[Post]) -> Iterator[Sequence[Post]]:
    for start in range(0, len(posts), BATCH):
        yield posts[start : start + BATCH]


def _writable(target: str) -> None:
    """Before the work, not after it."""
    from workbook.errors import UsageError

    if not Path(target).absolute().parent.is_dir():
        raise UsageError(f"the folder of {target} does not exist", "make it, or name another file")


def _write_decisions(target: Path, decisions: Sequence[Decision]) -> None:
    import json
    import os
    import tempfile

    with tempfile.NamedTemporaryFile("w", dir=target.absolute().parent, suffix=".tmp", delete=False) as file:
        for decision in decisions:
            file.write(json.dumps(_decision(decision)) + "\n")
    os.replace(file.name, target)


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        "post_id": decision.post_id,
        "action": decision.action.value,
        "category": decision.category,
        "tier": decision.tier.name.lower(),
        "severity": decision.severity,
        "language": decision.language,
        "country": decision.country,
        "decided_at": decision.decided_at.isoformat(),
        "missing": list(decision.missing),
        "versions": dict(decision.versions),
        "findings": [
            {
                "category": finding.category,
                "score": finding.score,
                "tier": finding.tier.name.lower(),
                "detector": finding.detector,
                "detail": finding.detail,
                "rule": finding.rule,
            }
            for finding in decision.findings
        ],
    }


def _record(
    moderator: Moderator,
    decisions: Sequence[Decision],
    problems: Sequence[Problem],
    seconds: float,
    statements: int,
    out: str | None,
    statements_file: str | None,
) -> dict[str, Any]:
    actions = [decision.action.value for decision in decisions]
    return {
        "counts": {name: actions.count(name) for name in ("approve", "reject", "escalate")},
        "seconds": round(seconds, 3),
        "statements": statements,
        "files": {"decisions": out, "statements": statements_file},
        "decisions": [_decision(decision) for decision in decisions],
        "problems": [{"line": p.line, "post_id": p.post_id, "reason": p.reason} for p in problems],
    }


def _show(log: Any, decisions: Sequence[Decision], problems: Sequence[Problem], seconds: float) -> None:
    from collections import Counter

    from rich.table import Table

    from workbook import console

    if len(decisions) <= 50:
        table = Table("post", "decision", "for", "by", "reason")
        for one in decisions:
            reasons = [f.detail for f in one.findings if f.category == one.category] or ["nothing found"]
            table.add_row(_plain(one.post_id), one.action.value, one.category or "-", one.tier.name.lower(), reasons[0])
        log.print(table)
    counts = Counter((one.action.value, one.category or "-", one.tier.name.lower()) for one in decisions)
    summary = Table("decision", "for", "by", "posts")
    for (action, category, tier), count in sorted(counts.items(), key=lambda item: -item[1]):
        summary.add_row(action, category, tier, str(count))
    log.print(summary)
    for problem in problems[:10]:
        name = f" (id {problem.post_id})" if problem.post_id else ""
        console.say(log, f"line {problem.line}{name}: {problem.reason}")
    if len(problems) > 10:
        console.say(log, f"... and {len(problems) - 10} more lines that are no posts")
    console.say(log, f"{len(decisions)} decisions in {seconds:.1f} s")


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)
