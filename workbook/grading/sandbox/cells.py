"""Sent as source: a cell's source as code, and what to tell of its exception. Standard library only."""

import re

_LONGEST_ERROR = 2000
_TOP_LEVEL_AWAIT = 0x2000  # ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_LINE_MAGIC = re.compile(r"\s*([%!]|[\w.,\[\] ]+=\s*[%!]|\?|[\w.]+\?\??\s*$)")
_PYTHON_CELL_MAGIC = re.compile(r"%%(time|timeit|capture|prun)\b")
_compile, _len, _type = compile, len, type


def compiled(source, name):
    """(code, notes). Magics and shell lines become comments, but only where they keep the cell from compiling: a line
    may begin with % inside an expression."""
    lines, notes = source.split("\n"), []
    first = next((index for index, line in enumerate(lines) if line.strip()), 0)
    if lines[first].startswith("%%"):
        magic = lines[first]
        notes.append(f"line {first + 1}: `{magic[:60]}` does not run here")
        keep = _PYTHON_CELL_MAGIC.match(magic)
        lines = [("# " + line) if index == first or not keep else line for index, line in enumerate(lines)]
    for _ in range(100):
        try:
            return _compile("\n".join(lines), name, "exec", _TOP_LEVEL_AWAIT), notes
        except SyntaxError as error:
            at = (error.lineno or 0) - 1
            if (
                not (0 <= at < _len(lines))
                or not _LINE_MAGIC.match(lines[at])
                or lines[at].lstrip().startswith("pass  #")
            ):
                raise
            notes.append(f"line {at + 1}: `{lines[at].strip()[:60]}` does not run here")
            indent = lines[at][: _len(lines[at]) - _len(lines[at].lstrip())]
            lines[at] = f"{indent}pass  # {lines[at].strip()}"
    raise SyntaxError("too many lines that are not Python")


def told(error, names):
    """The student's own frames of the traceback, and the exception."""
    import traceback

    frames = [frame for frame in traceback.extract_tb(error.__traceback__, limit=-200) if frame.filename in names]
    head = ["Traceback (most recent call last):\n", *traceback.format_list(frames[-8:])] if frames else []
    return "".join([*head, *traceback.format_exception_only(_type(error), error)])[-_LONGEST_ERROR:]
