"""ruff and lizard, compared with what they say of the text before."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from reference.agents.quality.guard import finding
from reference.agents.tools.isolation import ToolFailed, installed_script, run_isolated
from reference.agents.types import ChangedFile, Finding, Role

_BUGS = (
    "F402,F50,F52,F601,F602,F62,F632,F633,F634,F701,F702,F704,F706,F707,F821,F822,F823,F901,"
    "B002,B003,B005,B006,B012,B015,B016,B018,B020,B021,B023,B025,B026,B029,B030,B031,B032,B033,B035,"
    "PLE,RUF008,RUF016,RUF018,RUF024"
)
# `response.content` alone may be a property that is read for what it does.
_ATTRIBUTE = re.compile(r"\s*[\w.]+\s*(#.*)?$")
_UNSURE = {"PLE0604", "PLE0605", "PLE2502", "PLE2515", "PLE0704"}


def ruff(files: Sequence[ChangedFile], timeout_s: float) -> Iterator[Finding]:
    """Bugs on added lines of Python files that the same line did not have before. Raises ToolFailed."""
    python = {x.path: x for x in files if x.language == "python" and x.after is not None and x.added}
    if not python:
        return
    texts = {f"after/{x.path}": x.after or "" for x in python.values()}
    texts |= {f"before/{x.path}": x.before for x in python.values() if x.before}
    done = run_isolated(
        "ruff",
        [installed_script("ruff"), "check", "--isolated", "--no-cache", "--ignore-noqa", "--target-version=py313",
         "--output-format=json", f"--select={_BUGS}", "{files}"],
        texts, timeout_s=timeout_s,
    )  # fmt: skip
    try:
        rows = json.loads(done.stdout or "[]")
    except ValueError:
        raise ToolFailed("ruff's answer is not JSON") from None
    old: Counter[tuple[str, str, str]] = Counter()
    new = []
    for row in rows:
        side, _, path = done.names[row["filename"].rsplit("/", 1)[-1]].partition("/")
        file, line, code = python[path], int(row["location"]["row"]), row["code"] or ""
        lines = ((file.before if side == "before" else file.after) or "").splitlines()
        key = (path, code, re.sub(r"\s+", "", lines[line - 1]) if line <= len(lines) else "")
        if side == "before":
            old[key] += 1
        else:
            new.append((key, line, row["message"]))
    for key, line, message in new:
        path, code, _ = key
        if old[key] > 0:
            old[key] -= 1
        elif line in python[path].added and code not in _UNSURE and code.startswith(("F", "B", "PLE", "RUF")):
            if python[path].role is Role.TEST and code in {"B015", "B018", "F821"}:
                continue
            if code == "B018" and _ATTRIBUTE.match(python[path].added[line]):
                continue
            what = message.replace("`", "").split("\n")[0][:110]
            yield finding(python[path], "quality/bug", line, tool=f"ruff {code}", what=what, code=code)


def complexity(file: ChangedFile) -> Iterator[Finding]:
    """Functions that crossed 15 and rose by 5 or more, and new ones over 20 (cyclomatic, lizard, any language)."""
    if file.after is None or file.role is not Role.SOURCE or not file.added:
        return
    import lizard

    def measured(text: str) -> dict[str, tuple[int, int, int]]:
        found = lizard.analyze_file.analyze_source_code(file.path, text).function_list if text else []
        return {x.name: (x.cyclomatic_complexity, x.start_line, x.end_line) for x in found}

    before = measured(file.before or "")
    for name, (now, start, end) in measured(file.after).items():
        was = before.get(name, (0, 0, 0))[0]
        lines = [x for x in file.added if start <= x <= end]
        if lines and ((now > 15 >= was > 0 and now - was >= 5) or (was == 0 and now > 20)):
            yield finding(file, "quality/complexity", min(lines), tool="lizard", name=name, now=now, before=was or "-")
