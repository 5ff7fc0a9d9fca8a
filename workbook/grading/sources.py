"""What a student's code cell says, read without running it."""

from __future__ import annotations

import ast
import re
import warnings

from exercises.handout import MARK

# Notebook magics that leave the code below them as it is.
TRANSPARENT = ("time", "timeit", "capture", "prun", "debug")
_LINE = re.compile(r"^(\s*)(?:[%!?]|[^\s#\"'].*\?\s*$)")


def runnable(source: str) -> str:
    """The source as plain Python: magics and shell lines become comments, so that the others keep their numbers.

    A cell of another language (`%%bash`) has nothing to run. What is no Python in another way stays as it is, so that
    its author sees the error.
    """
    text = source.replace("\r\n", "\n").replace("\r", "\n")
    first = next((line for line in text.splitlines() if line.strip()), "")
    if first.startswith("%%") and (re.match(r"%%(\w*)", first) or [""])[1] not in TRANSPARENT:
        return "\n".join(f"# {line}" for line in text.splitlines())
    if parsed(text) is not None:
        return text
    plain = "\n".join(_without_magic(line) for line in text.split("\n"))
    return plain if parsed(plain) is not None else text


def _without_magic(line: str) -> str:
    found = _LINE.match(line)
    # `pass` keeps a block that held nothing else; lines keep their numbers.
    return f"{found.group(1)}pass  # {line.strip()}" if found else line


def parsed(source: str) -> ast.Module | None:
    """The tree, or None. Sources that exhaust the parser count as no Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def assigned(source: str) -> frozenset[str]:
    """Names that the cell binds at its top level, be it in a block; none if it is no Python."""
    tree = parsed(runnable(source))
    return frozenset(_bound(tree.body)) if tree else frozenset()


def _bound(body: list[ast.stmt]) -> set[str]:
    names: set[str] = set()
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(statement.name)
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in statement.names}
        elif isinstance(statement, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Expr):
            if isinstance(statement, ast.AnnAssign) and statement.value is None:
                continue
            names |= {
                node.id
                for node in ast.walk(statement)
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
            }
        else:
            for block in ("body", "orelse", "finalbody"):
                names |= _bound(getattr(statement, block, None) or [])
            for handler in getattr(statement, "handlers", []):
                names |= _bound(handler.body)
    return names


def calls(source: str, name: str) -> bool:
    """Whether the cell holds a call of `name`, `work.check` for instance."""
    return re.search(rf"(?<![\w.]){re.escape(name)}\s*\(", source) is not None


def pieces(source: str, ids: frozenset[str]) -> list[tuple[int, str]]:
    """The source cut where a further line names an exercise among `ids`: (lines above it, text). Merged cells fall
    apart again, so that an error in one answer costs no other."""
    lines = source.split("\n")
    starts = [0]
    for at, line in enumerate(lines):
        found = MARK.match(line) if line[:1] == "#" or line[:4] == "<!--" else None
        if found and found.group(1).lower() in ids and any(above.strip() for above in lines[:at]):
            starts.append(at)
    return [(start, "\n".join(lines[start:end])) for start, end in zip(starts, [*starts[1:], None], strict=True)]
