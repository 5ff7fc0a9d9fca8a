"""coverage.xml (Cobertura's format) of a CI run: which changed lines a test ran."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from reference.agents.diff.names import shown
from reference.agents.types import Change, ReviewError

SIZE = 50_000_000


def covered_lines(file: Path | bytes) -> dict[str, tuple[frozenset[int], frozenset[int]]]:
    """path as written -> (lines that ran, lines that did not). The format has no namespace; entities are refused.

    Raises:
        ReviewError: no such file, too large, not XML, or not Cobertura's.
    """
    from lxml import etree

    data = _data(file)
    if b"<!ENTITY" in data:
        raise ReviewError("coverage: the file defines entities, which coverage tools never do; it is not read")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as problem:
        raise ReviewError(f"coverage: not XML: {str(problem)[:160]}") from None
    if root.tag != "coverage":
        raise ReviewError(f"coverage: the root is <{str(root.tag)[:40]}>, not <coverage>; write it with `coverage xml`")
    ran: dict[str, set[int]] = {}
    missed: dict[str, set[int]] = {}
    for one in root.iter("class"):
        path = str(one.get("filename") or "").replace("\\", "/")
        if not path:
            continue
        for line in one.iterfind("./lines/line"):
            try:
                number, hits = int(line.get("number", "")), int(line.get("hits", ""))
            except ValueError:
                raise ReviewError(f"coverage: line {line.sourceline}: number and hits must be whole numbers") from None
            (ran if hits > 0 else missed).setdefault(path, set()).add(number)
    return {
        path: (frozenset(ran.get(path, ())), frozenset(missed.get(path, set()) - ran.get(path, set())))
        for path in sorted({*ran, *missed})
    }


def read_coverage(file: Path | bytes, change: Change) -> dict[str, tuple[frozenset[int], frozenset[int]]]:
    """For `Change.coverage`: the changed files' lines that ran and those that did not. Paths match where one ends with
    the other at a `/`; where several do, none is taken."""
    return _matched(covered_lines(file), change)[0]


def with_coverage(change: Change, file: Path | bytes) -> Change:
    """The change with its coverage; files that could not be told apart are named in its problems."""
    made, problems = _matched(covered_lines(file), change)
    return dataclasses.replace(change, coverage=made, problems=(*change.problems, *problems))


def _matched(
    coverage: Mapping[str, tuple[frozenset[int], frozenset[int]]], change: Change
) -> tuple[dict[str, tuple[frozenset[int], frozenset[int]]], list[str]]:
    made, problems = {}, []
    for file in change.files:
        parts = file.path.split("/")
        exact = [name for name in coverage if name == file.path]
        found = exact or [name for name in coverage if _ends(name.split("/"), parts)]
        if len(found) == 1:
            made[file.path] = coverage[found[0]]
        elif found:
            problems.append(f"coverage: {len(found)} of its files could be {shown(file.path)}; none was used")
    return made, problems


def _ends(one: list[str], other: list[str]) -> bool:
    short, long = sorted((one, other), key=len)
    return long[len(long) - len(short) :] == short


def _data(file: Path | bytes) -> bytes:
    if isinstance(file, bytes):
        return file
    try:
        if file.stat().st_size > SIZE:
            raise ReviewError(f"coverage: {file.stat().st_size:,} bytes, the limit is {SIZE:,}")
        return file.read_bytes()
    except OSError as problem:
        raise ReviewError(f"coverage: {file} cannot be read: {problem.strerror}") from None
