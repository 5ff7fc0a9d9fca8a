"""workbook corpus: the documents of question 2, and fetching them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbook.commands import Json

if TYPE_CHECKING:
    from reference.rag.corpus import Sample

PROFILES = ("ci", "full")


def command(
    fetch: Annotated[bool, typer.Option("--fetch", help="Download the packages that are missing (with apt).")] = False,
    profile: Annotated[str, typer.Option("--profile", "-p", help="ci: a fixed sample; full: everything.")] = "ci",
    json: Json = False,
) -> None:
    """Show the documents of question 2, where they come from and under which licence; --fetch downloads them."""
    from reference.rag.corpus import ci_sample, full_corpus
    from workbook import console
    from workbook.errors import FAILED, UsageError

    if profile not in PROFILES:
        raise UsageError(f"there is no profile {profile!r}", f"profiles: {', '.join(PROFILES)}")
    err = console.stderr()

    def progress(package: str, done: int, of: int) -> None:
        console.say(err, f"[{done + 1}/{of}] fetching {package}")

    sample = (ci_sample if profile == "ci" else full_corpus)(fetch=fetch, progress=progress)
    record = describe(sample, profile, lambda text: console.say(err, text))
    if json:
        console.emit_json("corpus", record)
    else:
        out = console.stdout()
        out.print(_table(record))
        total, skipped = record["total"], record["skipped"]
        console.say(
            out, f"{total['documents']:,} documents, {total['bytes'] / 1e6:,.1f} MB of text ({record['origin']})"
        )
        console.say(out, f"left out: {record['duplicates']} exact duplicates, {len(skipped)} files that cannot be read")
        if record["reason"]:
            console.say(out, f"not Debian's packages: {record['reason']}; `workbook corpus --fetch` tries to get them")
        for item in record["unfetched"]:
            console.say(out, f"missing: {item['package']}: {item['reason']}")
    if fetch and record["unfetched"]:
        raise typer.Exit(FAILED)


def describe(sample: Sample, profile: str, say: Any = None) -> dict[str, Any]:
    """The JSON object of the command: every document is parsed once and counted."""
    rows: dict[str, dict[str, Any]] = {}
    for number, document in enumerate(sample.documents(), 1):
        row = rows.setdefault(
            document.collection,
            {"package": document.collection, "documents": 0, "bytes": 0, "kinds": {}, "licence": document.licence},
        )
        row["documents"] += 1
        row["bytes"] += len(document.text.encode("utf-8", "replace"))
        row["kinds"][document.kind] = row["kinds"].get(document.kind, 0) + 1
        if say and number % 2000 == 0:
            say(f"{number:,} documents read")
    for name, row in rows.items():
        fetched = sample.packages.get(name)
        row["version"] = fetched.version if fetched else ""
        row["sha256"] = fetched.sha256 if fetched else ""
        row["download_bytes"] = fetched.bytes if fetched else 0
    return {
        "profile": profile,
        "origin": sample.origin,
        "reason": sample.reason,
        "total": {
            "documents": sum(row["documents"] for row in rows.values()),
            "bytes": sum(row["bytes"] for row in rows.values()),
        },
        "packages": list(rows.values()),
        "duplicates": len(sample.source.duplicates),
        "skipped": [{"file": file, "reason": reason} for file, reason in sample.problems],
        "unfetched": [{"package": package, "reason": reason} for package, reason in sample.unfetched],
    }


def _table(record: dict[str, Any]) -> Any:
    from rich.markup import escape
    from rich.table import Table

    table = Table()
    for title, side in (("Package", "left"), ("Version", "left"), ("Documents", "right"), ("Text MB", "right")):
        table.add_column(title, justify=side, overflow="fold")  # type: ignore[arg-type]
    table.add_column("Kinds", overflow="fold")
    table.add_column("Licence, as stated", overflow="ellipsis", no_wrap=True, max_width=44)
    for row in record["packages"]:
        kinds = ", ".join(sorted(row["kinds"]))
        figures = (f"{row['documents']:,}", f"{row['bytes'] / 1e6:.2f}")
        table.add_row(escape(row["package"]), escape(row["version"]), *figures, kinds, escape(row["licence"]))
    return table
