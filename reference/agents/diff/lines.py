"""Lines that a finding may stand on, and blocks that only moved."""

from __future__ import annotations

from reference.agents.types import ChangedFile, DiffLine

LEAST = 3  # lines of a moved block; fewer equal lines stand in any two texts


def touched(file: ChangedFile) -> frozenset[int]:
    """New line numbers: every added line, and the lines on both sides of a place where lines were only taken away.

    All of them are in the diff, so a comment can stand on them. Without context around a removal there may be none.
    """
    made = set(file.added)
    for hunk in file.hunks:
        run: list[DiffLine] = []
        above: int | None = None
        for line in (*hunk.lines, None):
            if line is not None and line.kind != "context":
                run.append(line)
                continue
            if run and all(one.kind == "removed" for one in run):
                made |= {number for number in (above, line.new if line else None) if number is not None}
            if run:
                run = []
            above = line.new if line else None
    return frozenset(made)


def moved(files: tuple[ChangedFile, ...]) -> dict[str, frozenset[int]]:
    """path -> added lines that stand in blocks of at least LEAST lines that the change removes elsewhere, with the same
    text but for blanks at both ends of each line: moved or re-indented, not written anew. Blank lines do not count."""
    gone: dict[tuple[str, ...], bool] = {}
    for file in files:
        for block in _blocks(file, "removed"):
            texts = [line.text.strip() for line in block if line.text.strip()]
            for at in range(len(texts) - LEAST + 1):
                gone[tuple(texts[at : at + LEAST])] = True
    made: dict[str, frozenset[int]] = {}
    for file in files:
        numbers: set[int] = set()
        for block in _blocks(file, "added"):
            full = [line for line in block if line.text.strip()]
            for at in range(len(full) - LEAST + 1):
                window = full[at : at + LEAST]
                if tuple(line.text.strip() for line in window) in gone:
                    numbers |= {line.new for line in window if line.new is not None}
        if numbers:
            made[file.path] = frozenset(numbers)
    return made


def _blocks(file: ChangedFile, kind: str) -> list[list[DiffLine]]:
    """Runs of lines of one kind that stand together in their text."""
    made: list[list[DiffLine]] = []
    last = -2
    for hunk in file.hunks:
        for line in hunk.lines:
            if line.kind != kind:
                continue
            number = (line.new if kind == "added" else line.old) or 0
            if number == last + 1 and made:
                made[-1].append(line)
            else:
                made.append([line])
            last = number
    return made
