"""Documentation of the Python packages installed here: their descriptions, and docstrings read from source.

For machines without apt. Nothing is imported: the source is parsed only.
"""

from __future__ import annotations

import ast
import hashlib
import warnings
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

from reference.rag.parsing import Unparsable, parse
from reference.rag.parsing.outline import Outline, clean_block
from reference.rag.types import Document

_SHORTEST = 200  # characters of docstrings that make a module worth a document
_NOT_PUBLIC = {"tests", "test", "testing", "_vendor", "vendor", "vendored", "conftest", "examples"}


class PythonDocsSource:
    """Per distribution its description and one document per public module with docstrings.

    Args:
        distributions: names; all that are installed if None. One that is not installed is a problem, not an error.
    """

    def __init__(self, distributions: Sequence[str] | None = None) -> None:
        self.name = "python"
        self.distributions = None if distributions is None else tuple(distributions)
        self._problems: list[tuple[str, str]] = []

    @property
    def problems(self) -> list[tuple[str, str]]:
        return self._problems

    def documents(self) -> Iterator[Document]:
        self._problems = []
        for distribution in self._found():
            name, licence = distribution.metadata["Name"], licence_of(distribution)
            yield from self._description(distribution, name, licence)
            for file in sorted(distribution.files or [], key=str):
                parts = file.with_suffix("").parts
                private = any(part in _NOT_PUBLIC or (part.startswith("_") and part != "__init__") for part in parts)
                if file.suffix == ".py" and not private and ".." not in parts:
                    yield from self._module(Path(str(file.locate())), "/".join(file.parts), name, licence)

    def _found(self) -> list[metadata.Distribution]:
        if self.distributions is None:
            named = {d.metadata["Name"]: d for d in metadata.distributions() if d.metadata["Name"]}
            return [named[name] for name in sorted(named, key=str.lower)]
        found = []
        for name in self.distributions:
            try:
                found.append(metadata.distribution(name))
            except metadata.PackageNotFoundError:
                self._problems.append((name, "is not installed"))
        return found

    def _description(self, distribution: metadata.Distribution, name: str, licence: str) -> Iterator[Document]:
        text = _description_text(distribution)
        form = (distribution.metadata["Description-Content-Type"] or "text/x-rst").partition(";")[0].strip()
        ending = {"text/markdown": "md", "text/plain": "txt"}.get(form, "rst")
        if len(text.strip()) < _SHORTEST:
            return
        try:
            yield parse(
                text.encode("utf-8", "replace"),
                f"README.{ending}",
                collection=name,
                licence=licence,
                source=f"{name} {distribution.version}: description",
            )
        except Unparsable as error:
            self._problems.append((f"{name}/README.{ending}", error.reason))

    def _module(self, path: Path, shown: str, name: str, licence: str) -> Iterator[Document]:
        try:
            data = path.read_bytes()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SyntaxWarning)  # of the packages' authors, not ours
                tree = ast.parse(data)
        except (OSError, SyntaxError, ValueError, RecursionError) as error:
            self._problems.append((f"{name}/{shown}", f"cannot be read as Python ({error})"))
            return
        outline = Outline()
        _add_docstrings(tree, outline, 1)
        module = shown.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        sections = outline.sections(module)
        if sum(len(section.text) for section in sections) < _SHORTEST:
            return
        yield Document(
            id=f"{name}/{shown}",
            title=module,
            kind="text",
            source=str(path),
            sections=sections,
            sha256=hashlib.sha256(data).hexdigest(),
            collection=name,
            licence=licence,
        )


def _description_text(distribution: metadata.Distribution) -> str:
    """The body of METADATA, where newer packages keep it, else the old field."""
    _, _, body = (distribution.read_text("METADATA") or "").replace("\r\n", "\n").partition("\n\n")
    return body if body.strip() else distribution.metadata["Description"] or ""


def _add_docstrings(node: ast.AST, outline: Outline, level: int) -> None:
    """Docstrings of a module, its public classes and functions, two levels deep."""
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        outline.block(clean_block(ast.get_docstring(node) or ""))
    if level > 2:
        return
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not child.name.startswith("_"):
            outline.heading(level, child.name)
            if isinstance(child, ast.ClassDef):
                _add_docstrings(child, outline, level + 1)
            else:
                outline.block(clean_block(ast.get_docstring(child) or ""))


def licence_of(distribution: metadata.Distribution) -> str:
    """The SPDX expression, else the classifiers, else the first line of the licence field."""
    about = distribution.metadata
    # Asked with `in`: the backport importlib_metadata, which some package may have loaded, raises for a missing key.
    if "License-Expression" in about:
        return about["License-Expression"]
    classifiers = [c.rpartition(" :: ")[2] for c in about.get_all("Classifier") or [] if c.startswith("License ::")]
    if classifiers:
        return "; ".join(classifiers)
    first = "".join(about.get_all("License") or []).strip().splitlines()
    return first[0] if first else "not stated in the package"
