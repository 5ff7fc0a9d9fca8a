"""Sent as source to where a student's code runs: runs the cells in one namespace, reports each as a line of JSON.

Standard library only; `plain` and `cells` are sent with it. All of it shares a process with the student's code, which
may change or forge any of it: what comes out is the student's word, and is read as such (`lines`). So nothing that
decides a mark is in here.

The job, one JSON object on standard input:
    run      a word that begins each line of this run
    cells    [{key, source, params, collect: null or {names, build, driver, driver_name, cases}, skip}, ...]
    result_bytes, packages
A line: the word, a space, {"cell", "ended", "error", "values", "reasons", "seen"}.
"""

import builtins
import json
import os
import signal
import sys
import types
from contextlib import suppress as _suppress

from cells import compiled, told
from plain import collected, quote

_OURS = ("reference", "exercises", "workbook")
_COROUTINE = 0x80  # inspect.CO_COROUTINE
_write, _exit, _eval, _len, _type, _str = os.write, os._exit, eval, len, type, str
_settrace, _setprofile = sys.settrace, sys.setprofile


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
            f'{{"cell":{cell},"ended":"{ended}","error":{quote(error)},"values":{values},'
            f'"reasons":[{",".join([quote(reason) for reason in reasons])}],"seen":{seen}}}'
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
        self.space.update(cell["params"])
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
        try:
            if collect:
                values, reasons, seen = collected(collect, self.space, self.job["result_bytes"])
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
