"""workbook ingest: documents into an index that can be searched."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbook.commands import Json

if TYPE_CHECKING:
    from reference.rag.ingest.progress import Progress
    from reference.rag.ingest.report import IngestReport
    from reference.rag.interfaces import Source


def command(
    where: Annotated[str | None, typer.Argument(help="Folder, file or glob of your documents.", metavar="PATH")] = None,
    corpus: Annotated[str | None, typer.Option("--corpus", help="Instead of PATH: ci (a sample) or full.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="Of the index [default: the corpus, or `mine`].")] = None,
    tenant: Annotated[str | None, typer.Option("--tenant", help="Who may find the documents [default: all].")] = None,
    prune: Annotated[bool, typer.Option("--prune", help="Drop what the source no longer has.")] = False,
    embedder: Annotated[
        str | None, typer.Option("--embedder", help="minilm or mpnet [default: the index's, else minilm].")
    ] = None,
    json: Json = False,
) -> None:
    """Parse, embed and index documents. Interrupted or killed, the same command goes on where it stopped."""
    from reference.rag.embedding.choice import EMBEDDERS
    from reference.rag.ingest.defaults import embedder_of
    from reference.rag.ingest.folders import index_folder
    from reference.rag.ingest.ingestion import Ingestion
    from workbook import console
    from workbook.errors import UsageError

    if (where is None) == (corpus is None):
        raise UsageError("name either a PATH or a --corpus", "for instance: workbook ingest ~/Documents/manuals")
    if corpus not in (None, "ci", "full"):
        raise UsageError(f"there is no corpus {corpus!r}", "there are: ci, full")
    if corpus is not None and tenant is not None:
        raise UsageError("--tenant goes with a PATH: the corpora are for all", "leave --tenant out")
    if embedder not in (None, *EMBEDDERS):
        raise UsageError(f"there is no embedder {embedder!r}", f"there are: {', '.join(EMBEDDERS)}")
    name = name or corpus or "mine"
    folder = index_folder(name)
    log = console.stderr() if json else console.stdout()
    source, origin = _source(where, corpus, tenant, log)
    with Ingestion(folder, embedder_of(folder, embedder)) as ingestion:
        with _shown(log) as listener:
            report = ingestion.run(source, progress=listener, prune=prune)
        counts = ingestion.store.counts()
        embedder = ingestion.manifest.embedder
    if json:
        console.emit_json("ingest", _record(name, folder, embedder, origin, report, counts))
        return
    for file, reason in report.problems[:10]:
        console.say(log, f"skipped {file}: {reason}")
    if len(report.problems) > 10:
        console.say(log, f"... and {len(report.problems) - 10} more")
    console.say(
        log,
        f"{report.documents} documents read ({report.added} new, {report.changed} changed, {report.unchanged} "
        f"unchanged, {report.removed} dropped, {len(report.problems)} skipped); "
        f"{report.embedded} chunks embedded{_speed(report)}",
    )
    console.say(log, f"index {name}: {counts['documents']} documents, {counts['chunks']} chunks in {folder}")


def _source(where: str | None, corpus: str | None, tenant: str | None, log: Any) -> tuple[Source, str]:
    from reference.rag import corpus as corpora
    from reference.rag.types import PUBLIC
    from workbook import console

    if where is not None:
        return corpora.FolderSource(where, tenant=tenant or PUBLIC), "folder"

    def fetching(package: str, number: int, of: int) -> None:
        console.say(log, f"fetching {package} ({number} of {of})")

    make = corpora.ci_sample if corpus == "ci" else corpora.full_corpus
    sample = make(fetch=True, progress=fetching)
    if sample.reason:
        console.say(log, f"not Debian's documentation but {sample.origin}'s: {sample.reason}")
    for package, reason in sample.unfetched:
        console.say(log, f"without {package}: {reason}")
    return sample.source, sample.origin


@contextmanager
def _shown(log: Any) -> Iterator[Callable[[Progress], None]]:
    """Progress bars: documents while they are read (their number is not known before), then tokens with time left."""
    from rich import progress as bars

    if not log.is_terminal:  # a log file: a line now and then instead of a bar that nobody sees
        yield _LineNowAndThen(log)
        return
    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.TextColumn("{task.fields[amount]}"),
        bars.TimeElapsedColumn(),
        bars.TextColumn("{task.fields[left]}"),
    )
    with bars.Progress(*columns, console=log) as shown:
        reading = shown.add_task("reading", total=None, amount="", left="")
        embedding = shown.add_task("embedding", total=None, amount="", left="", visible=False)

        def listener(now: Progress) -> None:
            if now.phase == "read":
                shown.update(reading, amount=f"{now.documents} documents")
                return
            shown.update(reading, total=1, completed=1)
            left = "" if now.seconds_left is None else f"{_duration(now.seconds_left)} left"
            amount = f"{now.chunks_done} of {now.chunks_total} chunks, {now.tokens_per_second:.0f} tokens/s"
            total = max(now.tokens_total, 1)
            done = now.tokens_done if now.tokens_total else 1
            shown.update(embedding, visible=True, total=total, completed=done, amount=amount, left=left)

        yield listener


class _LineNowAndThen:
    """Progress as lines of text, at most one every `every_s` seconds."""

    def __init__(self, log: Any, every_s: float = 15.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._log, self._every, self._clock = log, every_s, clock
        self._next = clock() + every_s

    def __call__(self, now: Progress) -> None:
        from workbook import console

        if self._clock() < self._next:
            return
        self._next = self._clock() + self._every
        if now.phase == "read":
            console.say(self._log, f"{now.documents} documents read")
            return
        left = "" if now.seconds_left is None else f", {_duration(now.seconds_left)} left"
        console.say(
            self._log,
            f"{now.chunks_done} of {now.chunks_total} chunks embedded, {now.tokens_per_second:.0f} tokens/s{left}",
        )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _speed(report: IngestReport) -> str:
    if not report.embedded or report.embed_seconds <= 0:
        return ""
    return f" in {_duration(report.embed_seconds)} ({report.tokens / report.embed_seconds:.0f} tokens/s)"


def _record(
    name: str, folder: Path, embedder: str, origin: str, report: IngestReport, counts: dict[str, int]
) -> dict[str, Any]:
    rate = report.tokens / report.embed_seconds if report.embedded and report.embed_seconds > 0 else None
    return {
        "index": {
            "name": name,
            "folder": str(folder),
            "embedder": embedder,
            "documents": counts["documents"],
            "chunks": counts["chunks"],
            "tokens": counts["tokens"],
        },
        "run": {
            "origin": origin,
            "documents": report.documents,
            "added": report.added,
            "changed": report.changed,
            "unchanged": report.unchanged,
            "removed": report.removed,
            "embedded": report.embedded,
            "tokens": report.tokens,
            "tokens_per_second": rate,
            "read_seconds": round(report.read_seconds, 3),
            "embed_seconds": round(report.embed_seconds, 3),
        },
        "problems": [{"file": file, "reason": reason} for file, reason in report.problems],
    }
