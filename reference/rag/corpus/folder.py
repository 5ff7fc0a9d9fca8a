"""Documents of a folder, a file or a glob of the user's."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from pathlib import Path

from reference.rag.parsing import DEFAULT_LIMITS, Limits, Unparsable, parse_file
from reference.rag.types import PUBLIC, Document, RagError


class FolderSource:
    """Every file below a folder, or every file that a pattern such as `notes/**/*.md` matches.

    Hidden files and folders are passed over. Links out of the folder are not followed.

    Raises:
        RagError: nothing is there.
    """

    def __init__(
        self, where: str | Path, tenant: str = PUBLIC, licence: str = "", limits: Limits = DEFAULT_LIMITS
    ) -> None:
        pattern = str(Path(where).expanduser())
        self.root, self.pattern = _root_of(pattern), pattern
        if not self.root.exists():
            raise RagError(f"{self.root}: no such file or folder")
        self.name = self.root.name or str(self.root)
        self.tenant, self.licence, self.limits = tenant, licence, limits
        self._problems: list[tuple[str, str]] = []

    @property
    def problems(self) -> list[tuple[str, str]]:
        return self._problems

    def paths(self) -> list[Path]:
        """The files, sorted by path."""
        if self.root.is_file():
            return [self.root]
        if glob.has_magic(self.pattern) and not Path(self.pattern).exists():
            found = (Path(path) for path in glob.glob(self.pattern, recursive=True))
        else:
            found = self.root.rglob("*")
        inside = self.root.resolve()
        return sorted(
            path
            for path in found
            if path.is_file()
            and not any(part.startswith(".") for part in path.relative_to(self.root).parts)
            and (not path.is_symlink() or path.resolve().is_relative_to(inside))
        )

    def documents(self) -> Iterator[Document]:
        self._problems = []
        base = self.root.parent if self.root.is_file() else self.root
        for path in self.paths():
            name = path.relative_to(base).as_posix()
            try:
                yield parse_file(
                    path, name=name, collection=self.name, licence=self.licence, tenant=self.tenant, limits=self.limits
                )
            except Unparsable as error:
                self._problems.append((name, error.reason))


def _root_of(pattern: str) -> Path:
    """The deepest folder of a pattern that has no wildcard; the path itself if it exists."""
    path = Path(pattern)
    if path.exists() or not glob.has_magic(pattern):
        return path
    while glob.has_magic(str(path)):
        path = path.parent
    return path
