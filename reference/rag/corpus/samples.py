"""The two corpora that the notebooks use: a fixed sample of a few hundred documents, and all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from reference.rag.corpus import apt
from reference.rag.corpus.debian import DebianSource, Fetched
from reference.rag.corpus.package_list import Package, ci_packages, default_packages
from reference.rag.corpus.python_docs import PythonDocsSource
from reference.rag.corpus.selection import Unique
from reference.rag.types import Document, RagError

# What stands in for the sample where there is no apt: prose and docstrings of packages that the project depends on.
PYTHON_SAMPLE = ("fastapi", "httpx", "hypothesis", "markdown-it-py", "pint", "pydantic", "redis", "rich", "typer")


@dataclass
class Sample:
    """A corpus and what it is.

    Attributes:
        origin: "debian" or "python".
        reason: why it is not Debian's, empty if it is.
    """

    source: Unique
    origin: str
    reason: str = ""
    packages: dict[str, Fetched] = field(default_factory=dict)
    unfetched: list[tuple[str, str]] = field(default_factory=list)

    def documents(self) -> Iterator[Document]:
        """In a stable order, without exact duplicates."""
        return self.source.documents()

    @property
    def problems(self) -> list[tuple[str, str]]:
        return self.source.problems


Progress = Callable[[str, int, int], None]


def ci_sample(fetch: bool = True, progress: Progress | None = None) -> Sample:
    """The sample: from Debian, or from the installed Python packages where that cannot be had; `origin` says which.

    The Debian sample is taken whole or not at all, so that two machines that say "debian" have the same packages.
    """
    source = DebianSource(ci_packages())
    reason = _cannot_have(source, fetch, progress)
    if reason:
        return Sample(Unique(PythonDocsSource(PYTHON_SAMPLE)), "python", reason)
    return Sample(Unique(source), "debian", packages=source.fetched())


def full_corpus(fetch: bool = False, progress: Progress | None = None) -> Sample:
    """All default packages that could be fetched; `unfetched` names the others. RagError if none is here."""
    everything = DebianSource(default_packages())
    failed = everything.fetch(progress) if fetch else []
    here = everything.fetched()
    if not here:
        said = failed[0][1] if failed else "none is fetched"
        raise RagError(f"no package of the corpus is on this machine ({said}); run `workbook corpus --fetch`")
    known = dict(failed)
    unfetched = [(name, known.get(name, "not fetched")) for name in everything.missing()]
    present: list[Package] = [package for package in default_packages() if package.name in here]
    return Sample(Unique(DebianSource(present)), "debian", packages=here, unfetched=unfetched)


def _cannot_have(source: DebianSource, fetch: bool, progress: Progress | None) -> str:
    """Why the source's packages are not all here, empty if they are."""
    if not source.missing():
        return ""
    if not fetch:
        return f"not fetched: {', '.join(source.missing())}"
    try:
        failed = source.fetch(progress)
    except apt.NoApt as error:
        return str(error)
    return "; ".join(f"{name}: {why}" for name, why in failed)
