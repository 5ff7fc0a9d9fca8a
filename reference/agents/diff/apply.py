"""Put hunks on a text."""

from __future__ import annotations

from collections.abc import Sequence

from reference.agents.types import Hunk, ReviewError


def split_lines(text: str) -> list[str]:
    """Lines with their ends, as git counts them: only "\\n" ends a line."""
    lines = text.split("\n")
    made = [line + "\n" for line in lines[:-1]]
    return [*made, lines[-1]] if lines[-1] else made


def apply_hunks(before: str, hunks: Sequence[Hunk]) -> str:
    """The text after the change. No fuzz and no offset: a line that differs is an error.

    Line ends are compared only at the end of the text, since mail programs change CRLF; where the patch's ends differ
    from the text's, the text's are kept for the lines that it adds.

    Raises:
        ReviewError: a context or removed line is not the one in `before`; the message names the line.
    """
    lines, made, at = split_lines(before), [], 0
    for hunk in hunks:
        start = hunk.old_start - (hunk.old_length > 0)
        if start < at or start > len(lines):
            raise ReviewError(f"patch: the hunk at line {hunk.old_start} does not fit a text of {len(lines)} lines")
        made += lines[at:start]
        at = start
        returns = _returns(lines, at, hunk)
        for line in hunk.lines:
            if line.kind == "added":
                made.append(line.text + ("\r\n" if returns and line.ending == "\n" else line.ending))
                continue
            if at >= len(lines) or _bare(lines[at]) != line.text or lines[at].endswith("\n") != bool(line.ending):
                raise ReviewError(
                    f"patch: line {at + 1} of the text is not the one that the patch changes; give the revision that "
                    "the patch was made from"
                )
            if line.kind == "context":
                made.append(lines[at])
            at += 1
        if any(not one.endswith("\n") for one in made[:-1]):
            raise ReviewError(f"patch: the hunk at line {hunk.new_start} puts lines after the end of the text")
    return "".join(made + lines[at:])


def _bare(line: str) -> str:
    return line.removesuffix("\n").removesuffix("\r") if line.endswith("\n") else line


def _returns(lines: list[str], at: int, hunk: Hunk) -> bool:
    """Whether the text has CRLF where the patch says LF for the same lines."""
    kept = [line for line in hunk.lines if line.kind != "added" and line.ending]
    there = lines[at : at + len(kept)]
    return bool(kept) and all(line.ending == "\n" for line in kept) and all(one.endswith("\r\n") for one in there)
