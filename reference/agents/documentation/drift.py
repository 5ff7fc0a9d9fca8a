"""Sections of docstrings that the code left behind (pydoclint), and comments that quote what a change replaced."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from reference.agents.quality.definitions import Definition, definitions, touches, tree
from reference.agents.quality.guard import finding
from reference.agents.tools.isolation import python_module, run_isolated
from reference.agents.types import ChangedFile, Finding, Role

_STYLES = {
    "google": re.compile(r"^\s*(Args|Returns|Raises|Yields):\s*$", re.M),
    "numpy": re.compile(r"^\s*(Parameters|Returns|Raises|Yields)\n\s*-{3,}\s*$", re.M),
    "sphinx": re.compile(r"^\s*:(param|returns?|raises?|rtype)\b[^:\n]*:", re.M),
}
_OFF = (
    "-athd", "-aths", "-crt", "-cyt", "-cca", "--check-arg-order", "--skip-checking-short-docstrings",
)  # fmt: skip
_ROW = re.compile(r"^\s+(\d+): (DOC202|DOC503): (?:Function|Method) `([\w.]+)`")
_RAISED = re.compile(r"in the docstring: \[(.*?)\]\. Raised exceptions in the body: \[(.*?)\]")
_COMMENT = {"python": re.compile(r"(?:^|\s)#(.*)$"), "": re.compile(r"(?:^|\s)//(.*)$")}
_NUMBER = re.compile(r"(?<![\w.])\d[\d_]*(?:\.\d+)?(?![\w]|\.\d)")
_NAME = re.compile(r"\b(?=\w*[a-z])(?:[A-Za-z]\w*_\w+|[a-z]+[A-Z]\w+)\b")


def style(text: str) -> str:
    """ "google", "numpy" or "sphinx": the one with the most sections in `text`; empty if it has none."""
    counts = {name: len(pattern.findall(text)) for name, pattern in _STYLES.items()}
    best = max(counts, key=lambda x: counts[x])
    return best if counts[best] else ""


def sections(files: Sequence[ChangedFile], timeout_s: float) -> Iterator[Finding]:
    """Raises and Returns sections that fitted the code before the change and do not any more. Raises ToolFailed."""
    mine = [
        x for x in files
        if x.language == "python" and x.role is Role.SOURCE and x.before and x.after
        and tree(x.before) is not None and tree(x.after) is not None
    ]  # fmt: skip
    for one in _STYLES:
        chosen = {x.path: x for x in mine if style(x.after or "") == one}
        if not chosen:
            continue
        texts = {f"{side}/{x.path}": getattr(x, side) for x in chosen.values() for side in ("before", "after")}
        flags = [part for flag in _OFF for part in (flag, "False")]
        done = run_isolated(
            "pydoclint", [*python_module("pydoclint.main"), "-q", "--style", one, *flags, "{files}"], texts,
            timeout_s=timeout_s,
        )  # fmt: skip
        found: dict[str, dict[tuple[str, str], str]] = {}
        name = ""
        for row in (done.stdout + done.stderr).splitlines():
            if row.strip() in done.names:
                name = done.names[row.strip()]
            elif match := _ROW.match(row):
                found.setdefault(name, {})[match[2], match[3]] = row
        for path, file in chosen.items():
            yield from _new(file, found.get(f"before/{path}", {}), found.get(f"after/{path}", {}))


def _new(file: ChangedFile, old: dict[tuple[str, str], str], now: dict[tuple[str, str], str]) -> Iterator[Finding]:
    before, after = definitions(file.before or ""), definitions(file.after or "")
    for (code, name), row in now.items():
        was, one = before.get(name), after.get(name)
        if (code, name) in old or was is None or one is None or not one.public or one.is_stub:
            continue
        # The docstring says the same as before, so the code is what moved.
        if was.docstring is None or was.docstring != one.docstring:
            continue
        line = touches(file, _body(one), one.end)
        if line is None:
            continue
        if code == "DOC202":
            yield finding(file, "documentation/stale-returns", line, tool="pydoclint DOC202", name=name)
        elif match := _RAISED.search(row):
            said, raised = (set(re.findall(r"[\w.]+", x)) for x in match.groups())
            if fresh := sorted(raised - said):
                yield finding(file, "documentation/undocumented-raise", line, tool="pydoclint DOC503", name=name,
                              errors=", ".join(fresh[:5]))  # fmt: skip


def _body(one: Definition) -> int:
    first = one.node.body[0]
    return first.lineno if one.docstring is None else (first.end_lineno or first.lineno) + 1


def comments(file: ChangedFile) -> Iterator[Finding]:
    """A comment that stays, above or beside one replaced line, and quotes what the replacement no longer has.

    Certain ones only: the line gives another number in the place of the quoted one, or the quoted name is nowhere in
    the new text but in comments.
    """
    if file.role is not Role.SOURCE or file.after is None:
        return
    mark = _COMMENT["python"] if file.language == "python" else _COMMENT[""]
    code = "\n".join(mark.sub("", x) for x in file.after.splitlines())
    for hunk in file.hunks:
        rows = hunk.lines
        for at in range(1, len(rows) - 1):
            old, new, above = rows[at], rows[at + 1], rows[at - 1]
            alone = at + 2 == len(rows) or rows[at + 2].kind == "context"
            if (old.kind, new.kind, above.kind) != ("removed", "added", "context") or not alone or new.new is None:
                continue
            beside = mark.search(old.text), mark.search(new.text)
            said = ""
            if beside[0] and beside[1] and beside[0][1] == beside[1][1]:
                said = beside[1][1]
            elif (up := mark.search(above.text)) and above.text.lstrip()[:1] in "#/":
                said = up[1]
            if said and (gone := _gone(said, mark.sub("", old.text), mark.sub("", new.text), code)):
                yield finding(file, "documentation/stale-comment", new.new, tool="text", quoted=gone)


def _gone(said: str, old: str, new: str, code: str) -> str:
    was, now = _NUMBER.findall(old), _NUMBER.findall(new)
    if len(was) == len(now) and _NUMBER.sub("#", old) == _NUMBER.sub("#", new):
        spoken = _NUMBER.findall(said)
        for one, other in zip(was, now, strict=True):
            if one != other and len(one) > 1 and one in spoken and one not in now and other not in spoken:
                return one
    for name in _NAME.findall(said):
        if re.search(rf"\b{name}\b", old) and not re.search(rf"\b{name}\b", code):
            return name
    return ""
