"""Documents of Debian's documentation packages: downloaded by name, read in place, never installed or redistributed.

In the workbook's cache: corpus/debian/debs/*.deb and corpus/debian/manifest.json (package, version, architecture,
sha256, bytes, licence as stated). A package that is there, whole, and recorded is not fetched again.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from reference.rag.corpus import apt
from reference.rag.corpus.licences import licence_of
from reference.rag.corpus.package_list import Package, default_packages
from reference.rag.corpus.selection import is_document, is_english
from reference.rag.parsing import DEFAULT_LIMITS, Limits, Unparsable, parse
from reference.rag.parsing.limits import megabytes
from reference.rag.types import Document, RagError
from reference.serving.models import cache_dir, sha256_of


@dataclass(frozen=True)
class Fetched:
    """A package on this machine. `licence` as its copyright file states it, or where to read it."""

    package: str
    version: str
    architecture: str
    sha256: str
    bytes: int
    file: str
    licence: str


class DebianSource:
    """The documents of packages that have been fetched.

    Args:
        packages: names or `Package`s; the default corpus if None.
        folder: where the .deb files lie; the workbook's cache if None.
    """

    def __init__(
        self,
        packages: Sequence[str | Package] | None = None,
        folder: Path | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        chosen = default_packages() if packages is None else packages
        self.packages = tuple(p if isinstance(p, Package) else Package(p) for p in chosen)
        self.name = "debian"
        self.folder = folder or cache_dir() / "corpus" / "debian"
        self.limits = limits
        self._problems: list[tuple[str, str]] = []

    @property
    def problems(self) -> list[tuple[str, str]]:
        return self._problems

    def fetched(self) -> dict[str, Fetched]:
        """What the manifest records of these packages and is on disk with the recorded size."""
        wanted = {package.name for package in self.packages}
        return {name: record for name, record in self._manifest().items() if name in wanted and self._is_here(record)}

    def missing(self) -> list[str]:
        """Packages still to be fetched, in their order."""
        here = self.fetched()
        return [package.name for package in self.packages if package.name not in here]

    def fetch(self, progress: Callable[[str, int, int], None] | None = None) -> list[tuple[str, str]]:
        """Download what is missing; (package, reason) of those that could not be had.

        Every package is recorded as soon as it is whole, so that an interrupted fetch goes on where it stopped.
        `progress(package, done, of)` is called before each download. Raises NoApt.
        """
        missing, failed = self.missing(), []
        if missing:
            apt.check_tools()
        for done, name in enumerate(missing):
            if progress:
                progress(name, done, len(missing))
            try:
                self._record(apt.download(name, self.folder / "debs"))
            except RagError as error:
                failed.append((name, str(error).removeprefix(f"{name}: ")))
        return failed

    def documents(self) -> Iterator[Document]:
        """Every document in English of every package, in the packages' order. RagError names packages to be fetched."""
        if missing := self.missing():
            raise RagError(f"not fetched yet: {', '.join(missing)}; run `workbook corpus --fetch`")
        here = self.fetched()
        self._problems = []
        for package in self.packages:
            yield from self._documents_of(package, here[package.name])

    def _documents_of(self, package: Package, record: Fetched) -> Iterator[Document]:
        for path, size, file in apt.files(self.folder / "debs" / record.file):
            if not (is_document(path) and is_english(path) and package.takes(path)):
                continue
            shown = path.removeprefix("usr/share/").removeprefix("doc/").removeprefix(f"{package.name}/")
            if size > self.limits.bytes:
                self._problems.append(
                    (f"{package.name}/{shown}", f"has {megabytes(size)}; the limit is {megabytes(self.limits.bytes)}")
                )
                continue
            try:
                yield parse(
                    file.read(),
                    shown,
                    collection=package.name,
                    licence=record.licence,
                    source=f"{package.name} {record.version}: /{path}",
                    limits=self.limits,
                )
            except Unparsable as error:
                self._problems.append((f"{package.name}/{shown}", error.reason))

    def _record(self, deb: Path) -> None:
        fields = apt.fields(deb)
        name = fields["Package"]
        where = f"usr/share/doc/{name}/copyright"
        text = next((f.read().decode("utf-8", "replace") for path, _, f in apt.files(deb) if path == where), "")
        record = Fetched(
            package=name,
            version=fields["Version"],
            architecture=fields["Architecture"],
            sha256=sha256_of(deb),
            bytes=deb.stat().st_size,
            file=deb.name,
            licence=licence_of(text, f"/{where}") if text else f"kept in another package: see /{where}",
        )
        self._write(self._manifest() | {name: record})

    def _is_here(self, record: Fetched) -> bool:
        try:
            return (self.folder / "debs" / record.file).stat().st_size == record.bytes
        except OSError:
            return False

    def _manifest(self) -> dict[str, Fetched]:
        """The recorded packages; an unreadable manifest counts as empty: the packages are fetched anew."""
        try:
            records = json.loads((self.folder / "manifest.json").read_text(encoding="utf-8"))["packages"]
            return {record["package"]: Fetched(**record) for record in records}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def _write(self, manifest: dict[str, Fetched]) -> None:
        records = [asdict(manifest[name]) for name in sorted(manifest)]
        handle, temporary = tempfile.mkstemp(prefix=".manifest-", dir=self.folder)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump({"packages": records}, file, indent=2, ensure_ascii=False)
            os.replace(temporary, self.folder / "manifest.json")
        finally:
            Path(temporary).unlink(missing_ok=True)

    def verify(self) -> None:
        """Hash every fetched package again; RagError names one that differs from its record."""
        for record in self.fetched().values():
            path = self.folder / "debs" / record.file
            if (found := sha256_of(path)) != record.sha256:
                raise RagError(f"{path} has sha256 {found}, recorded was {record.sha256}; remove it and fetch it again")
