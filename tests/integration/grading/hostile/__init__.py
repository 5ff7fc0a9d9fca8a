"""Submissions that attack whoever runs them: one file each, whose docstring says what it tries and how it must end.

    ends: took too long | raised        how the cell may end
    says: stopped after                 what its error, its output or the reason of its exercise holds
    exercise: q2-rank-fusion            whose answer the cell is (q1-kv-per-token if not said); the other one is honest
    others: any                         it may take the rest of its own notebook with it

Whatever gets where it should not prints REACHED. Nothing of it may earn a point.
"""

from __future__ import annotations

import ast
import json
import os
import re
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from inspect import getsource
from pathlib import Path
from typing import Any

from exercises.builds import draw_cases
from exercises.catalogue import exercise, solution
from exercises.checking import judge
from exercises.drawing import variant
from exercises.model import Mark
from workbook.grading.sandbox import Bubblewrap, Namespaces, Sandbox, run
from workbook.grading.types import CodeCell, Collect, Ended, Limits, Ran

SIZE, BUILD = "q1-kv-per-token", "q2-rank-fusion"
SECRET = "a word that no submission knows"
# Long: on a busy machine, what takes a second alone may take ten beside the others.
LIMITS = Limits(cell_s=20.0, total_s=60.0, memory_mb=512, processes=24, file_mb=8, disk_mb=24)


@dataclass(frozen=True)
class Hostile:
    name: str
    source: str
    ends: tuple[str, ...]
    says: str
    exercise: str
    others: str


def load() -> list[Hostile]:
    return [_read(path) for path in sorted(Path(__file__).parent.glob("[a-z]*.py"))]


def _read(path: Path) -> Hostile:
    source = path.read_text("utf-8")
    told = ast.get_docstring(ast.parse(source)) or ""
    fields = dict(re.findall(r"^(ends|says|exercise|others): (.+)$", told, re.MULTILINE))
    ends = tuple(part.strip() for part in fields["ends"].split("|"))
    assert set(ends) <= set(Ended), f"{path.name}: unknown way to end in {ends}"
    return Hostile(
        path.stem, source, ends, fields.get("says", ""), fields.get("exercise", SIZE), fields.get("others", "")
    )


def cell(name: str, source: str, person: str, extra: dict[str, Any] | None = None) -> CodeCell:
    """The answer cell of an exercise with a person's numbers."""
    one = exercise(name)
    params = variant(one, person)
    if one.build is None:
        collect = Collect(name, names=tuple(ask.name for ask in one.asks))
    else:
        driver = getsource(one.build.driver)
        cases = tuple(case.arguments for case in draw_cases(one, params, SECRET))
        collect = Collect(name, (), one.build.name, driver, one.build.driver.__name__, cases)
    return CodeCell(f"answer of {name}", source, params | (extra or {}), collect)


def honest(person: str) -> list[CodeCell]:
    return [cell(name, solution(name).code, person) for name in (SIZE, BUILD)]


def mark(ran: Ran, name: str, person: str) -> Mark:
    one = exercise(name)
    params = variant(one, person)
    return judge(one, params, ran.values.get(name, {}), seen=ran.observations.get(name), hidden=SECRET)


@contextmanager
def machine() -> Iterator[dict[str, Any]]:
    """What a submission looks for: a file, a server on the loopback and in the namespace of sockets, a variable, the
    project. Yields what it is told of them."""
    with tempfile.TemporaryDirectory(prefix="canary-") as folder, socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        canary = Path(folder, "key.json")
        canary.write_text("CANARY")
        unix = socket.socket(socket.AF_UNIX)
        unix.bind(f"\0canary-{port}")
        unix.listen()
        os.environ["WORKBOOK_CANARY"] = "CANARY"
        project = str(Path(__file__).resolve().parents[4])
        try:
            yield {"host_port": port, "canary": str(canary), "project": project}
        finally:
            del os.environ["WORKBOOK_CANARY"]
            unix.close()
            assert canary.read_text() == "CANARY"


def limits_of(one: Hostile) -> Limits:
    """Less time for those that may have to be stopped, least for those that must: for longer they do the same."""
    if Ended.TIME not in one.ends:
        return LIMITS
    return replace(LIMITS, cell_s=2.0 if one.ends == (Ended.TIME,) else 4.0, total_s=24.0)


def faults(one: Hostile, sandbox: Sandbox, told: dict[str, Any]) -> list[str]:
    """What did not come out as it must; empty if all is well. An honest neighbour runs at the same time."""
    limits = limits_of(one)
    beside: list[Ran] = []
    neighbour = threading.Thread(target=lambda: beside.append(run(honest("neighbour"), Limits(), sandbox)))
    neighbour.start()
    cells = honest("hostile")
    at = [SIZE, BUILD].index(one.exercise)
    cells[at] = cell(one.exercise, one.source, "hostile", told)
    ran = run(cells, limits, sandbox)
    neighbour.join()
    found = []
    ended, other = ran.cells[at], [SIZE, BUILD][1 - at]
    if ended.ended not in one.ends:
        found.append(f"ended {ended.ended!s}: {ended.error[-300:]}")
    text = "\n".join([ended.error, ended.output, ran.reasons.get(one.exercise, "")])
    if one.says not in text:
        found.append(f"does not say {one.says!r} but {text[-300:]!r}")
    outputs = [each.output for each in ran.cells]
    if any("REACHED" in output for output in outputs) or "REACHED" in json.dumps([ran.values, ran.observations]):
        found.append(f"got through: {outputs!r}"[:600])
    if len(ended.output) > limits.output_bytes + 100 or len(ended.error) > 2000:
        found.append("more was kept of its output than the limit")
    if mark(ran, one.exercise, "hostile").earned != 0:
        found.append(f"earned {mark(ran, one.exercise, 'hostile').earned}")
    if one.others != "any" and mark(ran, other, "hostile").share != 1:
        found.append(f"took the rest of its notebook with it: {ran.cells[1 - at]}")
    if any(mark(beside[0], name, "neighbour").share != 1 for name in (SIZE, BUILD)):
        found.append(f"harmed its neighbour: {beside[0]}")
    return found


def main() -> None:
    """Run those that are named, in both sandboxes, as whoever this is; print what did not come out as it must."""
    names = sys.argv[1:]
    running: dict[str, Future[list[str]]] = {}
    with machine() as told, ThreadPoolExecutor(4) as pool:
        for sandbox in (Bubblewrap(), Namespaces()):
            for one in load():
                if not names or one.name in names:
                    running[f"{one.name} in {sandbox.name}"] = pool.submit(faults, one, sandbox, told)
        found = {name: each.result() for name, each in running.items()}
    print(json.dumps({"user": os.getuid(), "found": found}))
