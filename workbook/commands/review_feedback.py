"""workbook review-feedback: what became of a review's comments, and which rules fell silent for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbook.commands import Json

if TYPE_CHECKING:
    from reference.agents.learning import OutcomeStore

ACTIONS = {"accept": "accepted", "reject": "rejected", "ignore": "ignored"}


def command(
    action: Annotated[str, typer.Argument(help="accept, reject, ignore or list.")],
    fingerprint: Annotated[str, typer.Argument(help="The id at the end of the comment; not with list.")] = "",
    repository: Annotated[
        str | None, typer.Option("--repository", help="owner/name, where the id was posted in several.")
    ] = None,
    pr: Annotated[
        int | None, typer.Option("--pr", min=0, help="Its pull request, where the id was posted to several.")
    ] = None,
    db: Annotated[
        Path | None, typer.Option("--db", help="Outcomes file [default: review/outcomes.db in the cache folder].")
    ] = None,
    json: Json = False,
) -> None:
    """Say what became of a comment, or list how often each rule was acted on and which are muted."""
    from workbook import console
    from workbook.errors import UsageError

    if action not in (*ACTIONS, "list"):
        raise UsageError(f"{action} is not known", f"one of {', '.join(ACTIONS)} or list")
    if (action == "list") == bool(fingerprint):
        raise UsageError(
            "list takes no id" if fingerprint else f"{action} needs the id of a comment",
            "`workbook review-feedback list`" if fingerprint else "it stands at the end of the comment, 16 hex digits",
        )
    path = db or default_path()
    if not path.is_file():
        raise UsageError(f"{path} does not exist", "review with --outcomes FILE first; it keeps what was posted")
    from reference.agents.learning import OutcomeStore

    store = OutcomeStore(path)
    try:
        recorded = None
        if fingerprint:
            place, number, rule = _posting(store, fingerprint, repository, pr)
            news = store.record_outcome(place, number, fingerprint, ACTIONS[action])
            recorded = {
                "repository": place, "pr": number, "fingerprint": fingerprint, "rule": rule,
                "outcome": ACTIONS[action], "changed": news,
            }  # fmt: skip
            chosen = [(place, rule)]
        else:
            chosen = [(place, rule) for place, rule in store.rules() if repository in (None, place)]
        rules = _standings(store, chosen)
    finally:
        store.close()
    if json:
        console.emit_json("review-feedback", {"file": str(path), "recorded": recorded, "rules": rules})
    else:
        _say(recorded, rules)


def default_path() -> Path:
    """Shared by `review`, `review-serve` and `review-feedback`."""
    from reference.serving.models import cache_dir

    return cache_dir() / "review" / "outcomes.db"


def open_store(path: Path | None, *, make: bool = False) -> OutcomeStore | None:
    """The store to review with: the one that was named, or the usual one if it exists (`make`: or not); else None.

    Raises:
        UsageError: the folder of a named file does not exist.
        ReviewError: the file is damaged or foreign.
    """
    from workbook.errors import UsageError

    if path is None:
        path = default_path()
        if make:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        elif not path.is_file():
            return None
    elif not path.absolute().parent.is_dir():
        raise UsageError(f"the folder of {path} does not exist", "make it, or name another file")
    from reference.agents.learning import OutcomeStore

    return OutcomeStore(path)


def _posting(store: OutcomeStore, fingerprint: str, repository: str | None, pr: int | None) -> tuple[str, int, str]:
    """The one posting that is meant. Raises UsageError where it is none, or one of several."""
    from workbook.errors import UsageError

    found = [one for one in store.where(fingerprint) if repository in (None, one[0]) and pr in (None, one[1])]
    if not found:
        raise UsageError(f"no comment with the id {fingerprint} was posted there", "take it from the comment's end")
    if len(found) > 1:
        places = ", ".join(f"{place}#{number}" for place, number, _ in found[:5])
        raise UsageError(f"{fingerprint} was posted more than once: {places}", "add --repository and --pr")
    return found[0]


def _standings(store: OutcomeStore, chosen: list[tuple[str, str]]) -> list[dict[str, Any]]:
    from datetime import UTC, datetime

    muted = {place: store.muted_until(place) for place in {place for place, _ in chosen}}
    made = []
    for place, rule in chosen:
        found = store.acceptance(place, rule)
        until = muted[place].get(rule)
        made.append(
            {
                "repository": place,
                "rule": rule,
                "posted": found.posted,
                "decided": found.decided,
                "acted_on": found.accepted,
                "outcomes": dict(found.outcomes),
                "acceptance": found.mean,
                "interval": list(found.interval),
                "muted": until is not None,
                "muted_until": None if until is None else datetime.fromtimestamp(until, UTC).isoformat(),
            }
        )
    return made


def _say(recorded: dict[str, Any] | None, rules: list[dict[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    from workbook import console

    out = console.stdout()
    if recorded is not None:
        said = "" if recorded["changed"] else " (as before)"
        console.say(
            out, f"{recorded['rule']} in {recorded['repository']}#{recorded['pr']}: {recorded['outcome']}{said}"
        )
    elif not rules:
        console.say(out, "nothing was posted yet")
        return
    table = Table(box=None)
    for name in ("repository", "rule", "posted", "acted on", "expected", "95 %", "muted until"):
        table.add_column(name)
    for one in rules:
        low, high = one["interval"]
        cells = (
            one["repository"], one["rule"], str(one["posted"]), f"{one['acted_on']} of {one['decided']}",
            f"{one['acceptance']:.0%}", f"{low:.0%} to {high:.0%}", (one["muted_until"] or "")[:10],
        )  # fmt: skip
        table.add_row(*(Text(cell) for cell in cells))  # Text: a repository's name is no markup
    out.print(table)
