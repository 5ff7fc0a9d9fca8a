"""Makes releases.toml: which pairs of releases the evaluation uses, each archive with its sha256.

    python -m reference.agents.evaluation.pin NAME=1.0.1,1.0.2,1.0.3 ...

A pair is kept if its diff has 1 to 15 Python files and 5 to 800 changed lines in them.
"""

from __future__ import annotations

import difflib
import hashlib
import itertools
import sys
from collections.abc import Mapping, Sequence

from reference.agents.types import ReviewError

from .archives import check_backend, fetch, licence_of, read_tree
from .releases import FILE

FILES = (1, 15)
LINES = (5, 800)


def size(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[int, int]:
    """(Python files, lines in them) that differ."""
    files = lines = 0
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path, ""), after.get(path, "")
        if path.endswith(".py") and old != new:
            files += 1
            diff = difflib.unified_diff(old.splitlines(), new.splitlines(), n=0, lineterm="")
            lines += sum(line[0] in "+-" for line in diff) - 2
    return files, lines


def main(arguments: Sequence[str]) -> int:
    entries = []
    for argument in arguments:
        package, _, versions = argument.partition("=")
        known: list[tuple[str, bytes]] = []
        for version in versions.split(","):
            try:
                archive = fetch(package, version, None)
                check_backend(archive)
            except ReviewError as problem:
                print(f"left out: {problem}", file=sys.stderr)
                continue
            known.append((version, archive))
        for (old, first), (new, second) in itertools.pairwise(known):
            files, lines = size(read_tree(first), read_tree(second))
            fits = FILES[0] <= files <= FILES[1] and LINES[0] <= lines <= LINES[1]
            print(f"{package} {old} -> {new}: {files} files, {lines} lines{'' if fits else ' (left out)'}")
            if fits:
                entries.append(
                    f'[[pair]]\npackage = "{package}"\nfrom = "{old}"\nto = "{new}"\nlicence = "{licence_of(second)}"\n'
                    f'from_sha256 = "{hashlib.sha256(first).hexdigest()}"\n'
                    f'to_sha256 = "{hashlib.sha256(second).hexdigest()}"\n'
                    f"bytes = {len(first) + len(second)}\n"
                )
    head = (
        "# Pairs of releases for the evaluation of the reviewer; made by `python -m reference.agents.evaluation.pin`.\n"
    )
    FILE.write_text(head + "\n" + "\n".join(entries), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
