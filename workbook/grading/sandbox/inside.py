"""Sent as source to where a student's code runs: runs the cells in one namespace, reports each as a line of JSON.

Standard library only. Everything here shares a process with the student's code, which may change or forge any of it:
what comes out is the student's word, and is read as such (`lines`). So nothing that decides a mark is in here.

The job, one JSON object on standard input:
    run      a word that begins each line of this run
    cells    [{key, source, params, collect: null or {names, build, driver, driver_name, cases}, skip}, ...]
    result_bytes, packages
A line: the word, a space, {"cell", "ended", "error", "values", "reasons", "seen", "notes"}.
"""

import builtins
import json
import os
import re
import signal
import sys
import types
from contextlib import suppress as _suppress

_DEEPEST = 50  # lists in lists
_LONGEST_ERROR = 2000
_OURS = ("reference", "exercises", "workbook")
_TOP_LEVEL_AWAIT = 0x2000  # ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_COROUTINE = 0x80  # inspect.CO_COROUTINE
_LINE_MAGIC = re.compile(r"\s*([%!]|[\w.,\[\] ]+=\s*[%!]|\?|[\w.]+\?\??\s*$)")
_PYTHON_CELL_MAGIC = re.compile(r"%%(time|timeit|capture|prun)\b")


class NotJson(Exception):
    pass


# Kept now: a student's code may put anything in their place, by accident too.
_dumps, _loads, _quote, _write, _exit = (
    json.dumps,
    json.loads,
    json.encoder.encode_basestring_ascii,
    os.write,
    os._exit,
)
_type, _isinstance, _len, _str, _int, _float, _list, _tuple, _dict = (
    type,
    isinstance,
    len,
    str,
    int,
    float,
    list,
    tuple,
    dict,
)
_compile, _eval, _getattr, _repr = compile, eval, getattr, repr
_settrace, _setprofile = sys.settrace, sys.setprofile


# ---- values ----------------------------------------------------------------------------------------------------------
def text_of(value, depth=0):
    """JSON of a plain value, by its true type: a class that pretends to be another gains nothing. Raises NotJson."""
    kind = _type(value)
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    if kind.__module__ == "numpy" and not _isinstance(value, (_list, _dict)) and hasattr(value, "item"):
        if _getattr(value, "ndim", 0):
            raise NotJson("is a numpy array, a plain number is asked for")
        item = value.item()
        if _type(item).__module__ == "numpy":
            raise NotJson(f"is a {kind.__name__}, a plain number is asked for")
        return text_of(item, depth + 1)
    if _isinstance(value, _int):
        number = _int.__add__(value, 0)
        if number.bit_length() > 1000:
            raise NotJson("is a number of too many digits")
        return _int.__repr__(number)
    if _isinstance(value, _float):
        number = _float.__add__(value, 0.0)
        if number != number or number in (float("inf"), float("-inf")):
            raise NotJson("is not a finite number")
        return _float.__repr__(number)
    if _isinstance(value, _str):
        return _quote(_str.__str__(value))
    if depth > _DEEPEST:
        raise NotJson("is nested too deep, or contains itself")
    if _isinstance(value, (_list, _tuple)):
        parts = (_list if _isinstance(value, _list) else _tuple).__iter__(value)
        return "[" + ",".join([text_of(part, depth + 1) for part in parts]) + "]"
    if _isinstance(value, _dict):
        parts = {}
        for key, part in _dict.items(value):
            if not _isinstance(key, _str):
                raise NotJson("is a dict whose keys are not all text")
            parts[_quote(_str.__str__(key))] = text_of(part, depth + 1)
        return "{" + ",".join([f"{key}:{part}" for key, part in parts.items()]) + "}"
    if value is ...:
        return "null"
    if hasattr(kind, "magnitude"):
        raise NotJson("is a quantity, a plain number is asked for: take .to('<unit>').magnitude")
    raise NotJson(f"is a {_str(kind.__name__)[:60]}, which is no plain value")


def observation(build, driver, arguments):
    """As exercises.builds.observe, as JSON text."""
    try:
        return _dumps({"value": _loads(_dumps(driver(build, arguments)))})
    except NotImplementedError:
        return '{"open": true}'
    except Exception as error:
        return _dumps({"raises": _str(_type(error).__name__)[:80]})


def collected(collect, space):
    """(JSON text of the values, [why one is left out], JSON text of the observations or null)."""
    values, reasons, seen = [], [], "null"
    for name in collect["names"]:
        if name not in space:
            reasons.append(f"`{name}` was not assigned in this cell")
            continue
        try:
            values.append(f"{_quote(name)}:{text_of(space[name])}")
        except NotJson as error:
            reasons.append(f"`{name}` {error}")
        except Exception as error:
            reasons.append(f"`{name}` cannot be read: {_str(_type(error).__name__)[:60]}")
    if collect["build"]:
        name = collect["build"]
        if name not in space:
            reasons.append(f"`{name}` was not defined in this cell")
        else:
            own = {"__name__": "driver"}
            exec(_compile(collect["driver"], "<driver>", "exec"), own)
            driver, build = own[collect["driver_name"]], space[name]
            seen = "[" + ",".join([observation(build, driver, case) for case in _loads(_dumps(collect["cases"]))]) + "]"
    return "{" + ",".join(values) + "}", reasons, seen


# ---- source ----------------------------------------------------------------------------------------------------------
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


class Work:
    """In place of the notebook's own `work`: every method is there and does nothing."""

    def __init__(self):
        self._said = False

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)

        def nothing(*arguments, **named):
            if not self._said:
                print(f"work.{name}: checks and hints do not run while this is graded")
                self._said = True
            return self

        return nothing

    def __call__(self, *arguments, **named):
        return self

    def __getitem__(self, name):
        return self

    def __repr__(self):
        return "checks do not run while this is graded"


class Alone:
    """Answers must stand alone: the workbook's own packages are not there."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.split(".")[0] in _OURS:
            raise ModuleNotFoundError(
                f"No module named {name!r}: when graded, an answer must stand alone, without the workbook's packages",
                name=name,
            )
        return None


# ---- running ---------------------------------------------------------------------------------------------------------
class Runner:
    def __init__(self, job, out):
        self.job, self.out = job, out
        self.module = types.ModuleType("__main__")
        self.old = sys.modules.get("__main__")  # kept, or its names would be cleared
        sys.modules["__main__"] = self.module
        self.space = self.module.__dict__
        self.space.update({"__builtins__": builtins, "work": Work(), "display": lambda *things: print(*things)})
        self.loop = None
        self.names = {}
        self.streams = sys.stdout, sys.stderr
        self.word = job["run"]

    def line(self, cell, ended, error="", values="{}", reasons=(), seen="null"):
        body = (
            f'{{"cell":{cell},"ended":"{ended}","error":{_quote(error)},"values":{values},'
            f'"reasons":[{",".join([_quote(reason) for reason in reasons])}],"seen":{seen}}}'
        )
        if _len(body) > self.job["result_bytes"]:
            return self.line(cell, ended, error, reasons=["the results are larger than an answer may be"])
        # A line of its own, whatever somebody else may have written before it.
        data = f"\n{self.word} {body}\n".encode("ascii", "replace")
        while data:
            data = data[_write(self.out, data) :]

    def execute(self, cell, name):
        import linecache

        source = cell["source"]
        linecache.cache[name] = (_len(source), None, [line + "\n" for line in source.split("\n")], name)
        code, notes = compiled(source, name)
        for note in notes:
            print(note)
        result = _eval(code, self.space)
        if code.co_flags & _COROUTINE:
            import asyncio

            if self.loop is None:
                self.loop = asyncio.new_event_loop()
                asyncio.set_event_loop(self.loop)
            self.loop.run_until_complete(result)

    def one(self, number, cell):
        name = f"<{cell['key']}>"
        self.names[name] = True
        collect = cell["collect"]
        for answer in [*collect["names"], collect["build"]] if collect else []:
            self.space.pop(answer, None)  # an answer is what its own cell makes, not what is left of another's
        self.space.update(_loads(_dumps(cell["params"])))
        if cell["skip"]:
            return
        ended, error, values, reasons, seen = "ok", "", "{}", [], "null"
        try:
            self.execute(cell, name)
        except MemoryError:
            ended, error = "memory", "MemoryError"
        except BaseException as raised:
            ended = "raised"
            try:
                error = told(raised, self.names)
            except BaseException:
                error = "an exception that cannot be shown"
            raised = None
        try:
            if collect:
                values, reasons, seen = collected(collect, self.space)
        except MemoryError:
            ended, reasons = "memory", ["MemoryError while the answer was tried"]
        except BaseException as raised:
            reasons = [*reasons, f"{_str(_type(raised).__name__)[:60]} while the answer was tried"]
        self.tidy()
        with _suppress(OSError):  # outputs of two cells are told apart by this
            _write(1, f"\x1e{self.word}\n".encode())
        self.line(number, ended, error, values, reasons, seen)

    def tidy(self):
        _settrace(None)
        _setprofile(None)
        for stream in {id(one): one for one in (sys.stdout, sys.stderr, *self.streams)}.values():
            with _suppress(BaseException):
                stream.flush()
        sys.stdout, sys.stderr = self.streams

    def run(self):
        self.line(-1, "ok")
        for number, cell in enumerate(self.job["cells"]):
            try:
                self.one(number, cell)
            except MemoryError:
                self.line(number, "memory", "MemoryError")
            except BaseException:
                self.line(number, "raised", "what this cell left cannot be reported")
        _exit(0)


def main(spec):
    with os.fdopen(0, "rb", closefd=False) as file:
        job = json.loads(file.read())
    nowhere = os.open("/dev/null", os.O_RDWR)
    os.dup2(nowhere, 0)
    os.close(nowhere)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.path = [path for path in sys.path if path and path != job["packages"]] + [job["packages"]]
    sys.meta_path.insert(0, Alone)
    sys.argv = [""]
    Runner(job, spec["out"]).run()
