"""workbook review-eval: how well the reviewer finds planted faults, and how quiet it is on real releases."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbook.commands import Json

if TYPE_CHECKING:
    from reference.agents.evaluation import AdversarialRow, Report


def command(
    profile: Annotated[str, typer.Option("--profile", "-p", help="ci: a minute or two; laptop; full.")] = "ci",
    split: Annotated[
        str, typer.Option("--split", help="tuning, held-out or both; repositories are split, not cases.")
    ] = "both",
    out: Annotated[Path | None, typer.Option("--out", help="Also write the JSON to this file.")] = None,
    attacks: Annotated[bool, typer.Option("--attacks/--no-attacks", help="Also run the adversarial changes.")] = True,
    json: Json = False,
) -> None:
    """Evaluate the code reviewer: faults put into real releases by code, clean releases, and changes that attack it."""
    from reference.agents.evaluation import evaluate, run_adversarial
    from reference.agents.evaluation.evaluate import PROFILES, SPLITS
    from workbook import console
    from workbook.errors import FAILED, UsageError

    if profile not in PROFILES:
        raise UsageError(f"there is no profile {profile!r}", f"profiles: {', '.join(PROFILES)}")
    if split not in SPLITS:
        raise UsageError(f"there is no split {split!r}", f"splits: {', '.join(SPLITS)}")
    if out is not None and not out.parent.is_dir():
        raise UsageError(f"there is no folder {out.parent}", "--out names a file in a folder that exists")
    err = console.stderr()

    def progress(done: int, of: int) -> None:
        if done == of or done % 10 == 0:
            console.say(err, f"{done} of {of} cases")

    report = evaluate(profile, split, progress=progress)
    rows = run_adversarial() if attacks else []
    record = {**report.to_dict(), "attacks": _attacks(rows) if attacks else None}
    if out is not None:
        import json as codec

        out.write_text(codec.dumps(record, indent=2) + "\n", encoding="utf-8")
    if json:
        console.emit_json("review-eval", record)
    else:
        _show(report, rows, console)
    if any(not one.passed for one in rows):
        raise typer.Exit(FAILED)


def _attacks(rows: list[AdversarialRow]) -> dict[str, Any]:
    return {
        "n": len(rows),
        "executed": sum(one.executed for one in rows),
        "suppressed": sum(not one.kept and not one.refused for one in rows),
        "active": sum(bool(one.payload) for one in rows),
        "failed": {one.id: one.problem for one in rows if not one.passed},
    }


def _show(report: Report, rows: list[AdversarialRow], console: Any) -> None:
    from rich.table import Table

    out = console.stdout()
    table = Table(title=f"review-eval, {report.profile}, {report.split} ({report.origin})", title_justify="left")
    for column in ("specialist", "found", "false", "missed", "precision", "95 %", "recall", "95 %", "F1"):
        table.add_column(column, justify="left" if column == "specialist" else "right")
    for row in (*report.specialists, report.without_logic, report.overall):
        table.add_row(
            row.name, str(row.tp), str(row.fp), str(row.fn), _share(row.precision), _range(row.precision_interval),
            _share(row.recall), _range(row.recall_interval), _share(row.f1),
        )  # fmt: skip
    out.print(table)
    say = lambda text: console.say(out, text)  # noqa: E731
    say("faults by kind (found of planted): " + ", ".join(f"{k} {met} of {n}" for k, (met, n) in report.kinds.items()))
    if report.unposted:
        say("found but not posted: " + ", ".join(f"{k} {n}" for k, n in sorted(report.unposted.items())))
    for name, clean in (("clean releases", report.clean), ("repaired and intact twins", report.twins)):
        if clean.n:
            say(
                f"{name}: {clean.n}, {clean.false} false comments, {clean.per_change:.2f} each "
                f"(95 % {_range(clean.per_change_interval)}); silent on {clean.silent_share:.0%} "
                f"({_range(clean.silent_interval)})"
            )
    if report.latency:
        say(
            f"a review takes {report.latency['p50']:.1f} s (p50), {report.latency['p95']:.1f} s (p95), two at a time, "
            f"load average {report.load_average:.1f}; cost ${report.cost:.2f}"
        )
    for split, names in report.repositories.items():
        say(f"{split}: {', '.join(names)}")
    for text in report.problems:
        say(f"missing: {text}")
    for case, reason in report.failed.items():
        say(f"not reviewed: {case}: {reason}")
    for reason, times in sorted(report.degraded.items()):
        say(f"degraded in {times} reviews: {reason}")
    if rows:
        got = _attacks(rows)
        say(
            f"{got['n']} attacks: {got['executed']} ran code, {got['suppressed']} hid the fault, "
            f"{got['active']} left something active in the payload"
        )
        for name, problem in got["failed"].items():
            say(f"  {name}: {problem}")


def _share(value: float) -> str:
    return "-" if value != value else f"{value:.2f}"


def _range(interval: tuple[float, float]) -> str:
    return f"{_share(interval[0])} - {_share(interval[1])}"
