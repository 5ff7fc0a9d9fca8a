"""A class of known outcome: what each student does to the notebooks that they were handed, and what it must earn."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from exercises.builds import draw_cases
from exercises.catalogue import exercise, solution
from exercises.checking import judge
from exercises.drawing import mistakes_of
from exercises.numbers import rounded
from exercises.slips import SLIPS
from workbook.grading.types import Assignment, Flag

NUMBERS, FIND, TEXT, BUILD = "q1-kv-per-token", "q1-replica-review", "q1-budget-cut", "q2-rank-fusion"
EXERCISES = (NUMBERS, FIND, TEXT, BUILD)
FULL = {name: exercise(name).points for name in (NUMBERS, FIND, BUILD)}
ANSWER = "A cascade: a small model first. Measured on 2,000 pairs; more than 5 points lost is a no."
Notebook = dict[str, Any]


@dataclass
class Work:
    """What one student hands in: question -> notebook, or text that is no notebook, or nothing."""

    assignment: Assignment
    student: str
    notebooks: dict[str, Any]

    def params(self, name: str) -> dict[str, Any]:
        return dict(self.assignment.params[self.student][name])

    def right(self, name: str, student: str = "") -> dict[str, Any]:
        """The asked values, from the worked solution run with the student's numbers."""
        space = dict(self.assignment.params[student or self.student][name])
        exec(compile(solution(name).code, name, "exec"), space)
        return {ask.name: space[ask.name] for ask in exercise(name).asks}

    def notebook(self, name: str) -> Notebook:
        return self.notebooks[name.split("-")[0]]

    def at(self, name: str, role: str = "answer") -> int:
        cells = self.notebook(name)["cells"]
        return next(n for n, c in enumerate(cells) if c["metadata"].get("workbook", {}) .get("exercise") == name
                    and c["metadata"]["workbook"]["role"] == role)  # fmt: skip

    def cell(self, name: str, role: str = "answer") -> dict[str, Any]:
        return self.notebook(name)["cells"][self.at(name, role)]

    def answer(self, name: str, source: str) -> None:
        """Below the first line, which students are told to keep."""
        cell = self.cell(name)
        first = "".join(cell["source"]).split("\n")[0]
        cell["source"] = f"{first}\n{source}"

    def assign(self, name: str, **values: Any) -> None:
        self.answer(name, "\n".join(f"{key} = {value!r}" for key, value in values.items()))

    def solve(self, *but: str) -> None:
        for name in EXERCISES:
            if name not in but:
                self.answer(name, ANSWER if name == TEXT else solution(name).code)


@dataclass(frozen=True)
class Person:
    """act: changes the work and returns what it must earn, by exercise; what is not named earns nothing. waits: an open
    answer was written. flags: what must be noticed, all of it."""

    act: Callable[[Work], dict[str, float]]
    waits: bool = True
    flags: frozenset[Flag] = field(default_factory=frozenset)


def everything(work: Work) -> dict[str, float]:
    work.solve()
    return FULL


def untouched(work: Work) -> dict[str, float]:
    return {}


def nothing(work: Work) -> dict[str, float]:
    work.notebooks.clear()
    return {}


def only_text(work: Work) -> dict[str, float]:
    work.answer(TEXT, ANSWER)
    return {}


def slip(name: str, key: str) -> Callable[[Work], dict[str, float]]:
    """Answers as somebody who makes this mistake; earns what the table of slips gives for it."""

    def act(work: Work) -> dict[str, float]:
        work.solve(name)
        values, earned = work.right(name), 0.0
        for ask in exercise(name).asks:
            made = [one for one in mistakes_of(exercise(name), work.params(name))[ask.name] if one.slip == key]
            if made:
                values[ask.name] = made[0].value if ask.choices else rounded(ask, float(made[0].value))
            credit = SLIPS[key].credit if made and made[0].credit is None else made[0].credit if made else 1.0
            earned += credit * ask.weight
        work.assign(name, **values)
        return {**FULL, name: FULL[name] * earned / sum(ask.weight for ask in exercise(name).asks)}

    return act


def raises_on_empty(work: Work) -> dict[str, float]:
    work.solve(BUILD)
    code = solution(BUILD).code
    work.answer(
        BUILD,
        f"{code}\n_fuse = fuse\ndef fuse(rankings, k):\n"
        "    if not rankings or not all(rankings):\n        raise ValueError('empty')\n    return _fuse(rankings, k)",
    )
    cases = draw_cases(exercise(BUILD), work.params(BUILD), work.assignment.hidden(work.student))
    groups = {case.group for case in cases}
    lost = {case.group for case in cases if not case.arguments["rankings"] or not all(case.arguments["rankings"])}
    assert lost == {"empty lists"}
    return {**FULL, BUILD: FULL[BUILD] * (1 - 1 / len(groups))}


def returns_nothing(work: Work) -> dict[str, float]:
    work.solve(BUILD)
    work.answer(BUILD, "def fuse(rankings, k):\n    return []")
    return {NUMBERS: FULL[NUMBERS], FIND: FULL[FIND]}


def deletes_a_cell(work: Work) -> dict[str, float]:
    work.solve()
    del work.notebook(NUMBERS)["cells"][work.at(NUMBERS)]
    return {FIND: FULL[FIND], BUILD: FULL[BUILD]}


def copies_a_cell(work: Work) -> dict[str, float]:
    """A first try stays above the answer that counts, with the same marks and the same id."""
    work.assign(NUMBERS, kv_kib_per_token=1, conversations=1)
    work.notebook(NUMBERS)["cells"].insert(work.at(NUMBERS), json.loads(json.dumps(work.cell(NUMBERS))))
    cells = work.notebook(NUMBERS)["cells"]
    again = cells[work.at(NUMBERS) + 1]
    again["source"] = again["source"].split("\n")[0] + "\n" + solution(NUMBERS).code
    work.solve(NUMBERS)
    return FULL


def loops(work: Work) -> dict[str, float]:
    work.solve(NUMBERS)
    work.answer(NUMBERS, "while True:\n    pass")
    return {FIND: FULL[FIND], BUILD: FULL[BUILD]}


def loops_when_called(work: Work) -> dict[str, float]:
    work.solve(BUILD)
    work.answer(BUILD, "def fuse(rankings, k):\n    while True:\n        pass")
    return {NUMBERS: FULL[NUMBERS], FIND: FULL[FIND]}


def raises_half_way(work: Work) -> dict[str, float]:
    work.solve(NUMBERS)
    first, second = exercise(NUMBERS).asks
    work.answer(NUMBERS, f"{first.name} = {work.right(NUMBERS)[first.name]!r}\n{second.name} = 1 / 0")
    return {**FULL, NUMBERS: FULL[NUMBERS] / 2}


def cannot_be_compiled(work: Work) -> dict[str, float]:
    work.solve(NUMBERS)
    work.answer(NUMBERS, "kv_kib_per_token = = 4")
    return {FIND: FULL[FIND], BUILD: FULL[BUILD]}


def retypes(work: Work) -> dict[str, float]:
    work.solve()
    cell = work.cell(NUMBERS)
    cell["cell_type"] = "markdown"
    for key in ("outputs", "execution_count"):
        cell.pop(key, None)
    return FULL


def loses_metadata(work: Work) -> dict[str, float]:
    work.solve()
    for notebook in work.notebooks.values():
        notebook["metadata"].pop("workbook")
        for cell in notebook["cells"]:
            cell["metadata"] = {}
            cell.pop("id", None)
    return FULL


def moves(work: Work) -> dict[str, float]:
    work.solve()
    cells = work.notebook(NUMBERS)["cells"]
    cells.append(cells.pop(work.at(NUMBERS)))
    return FULL


def hands_in_a_neighbours(work: Work) -> dict[str, float]:
    """Answers of the student `right`, cell by cell; worth what they are with one's own numbers."""
    from workbook.grading.handout import files

    other = next(one for one in work.assignment.students if one.id == "right")
    for name, text in files(work.assignment, other).items():
        if name.endswith(".ipynb"):
            work.notebooks[name.removesuffix(".ipynb")] = json.loads(text)
    work.answer(BUILD, solution(BUILD).code)
    work.answer(TEXT, ANSWER)
    earned = {BUILD: FULL[BUILD]}
    for name in (NUMBERS, FIND):
        work.assign(name, **work.right(name, "right"))
        earned[name] = judge(exercise(name), work.params(name), work.right(name, "right")).earned
    assert earned[NUMBERS] < FULL[NUMBERS], "the neighbour has the same numbers: choose another seed"
    return earned


def changes_the_numbers(work: Work) -> dict[str, float]:
    """Easier numbers, and the right answer for them."""
    work.solve(NUMBERS)
    work.cell(NUMBERS, "numbers")["source"] = (
        "layers = kv_heads = head_dim = 1\nheads = 1\nfree_gb = 1\ncontext_tokens = 1"
    )
    work.answer(NUMBERS, "kv_kib_per_token = 4 / 1024\nconversations = 250_000_000")
    return {FIND: FULL[FIND], BUILD: FULL[BUILD]}


def prints_a_result(work: Work) -> dict[str, float]:
    """Prints what the sandbox might print, and leaves before anything else can."""
    work.solve(NUMBERS)
    fake = json.dumps({"values": {NUMBERS: work.right(NUMBERS)}, "ended": "ok"})
    work.answer(NUMBERS, f"import os, sys\nprint({fake!r}, flush=True)\nsys.stderr.write({fake!r})\nos._exit(0)")
    return {FIND: FULL[FIND], BUILD: FULL[BUILD]}


def equals_everything(work: Work) -> dict[str, float]:
    work.solve(NUMBERS)
    work.answer(
        NUMBERS,
        "class All(float):\n    def __eq__(self, other):\n        return True\n    __hash__ = None\n"
        "    def __sub__(self, other):\n        return 0.0\n    __rsub__ = __sub__\n"
        "kv_kib_per_token = All(0)\nconversations = All(0)",
    )
    return {FIND: FULL[FIND], BUILD: FULL[BUILD]}


def looks_it_up(work: Work) -> dict[str, float]:
    work.solve(NUMBERS)
    work.answer(
        NUMBERS,
        "from exercises.catalogue import exercise\n"
        f"p = dict(exercise({NUMBERS!r}).answers(dict(globals())))\n"
        "kv_kib_per_token, conversations = p['kv_kib_per_token'], int(p['conversations'])",
    )
    return {FIND: FULL[FIND], BUILD: FULL[BUILD]}


def forgets_a_notebook(work: Work) -> dict[str, float]:
    work.solve()
    del work.notebooks["q2"]
    return {NUMBERS: FULL[NUMBERS], FIND: FULL[FIND]}


def breaks_a_notebook(work: Work) -> dict[str, float]:
    work.solve()
    work.notebooks["q1"] = json.dumps(work.notebooks["q1"])[:2000]
    return {BUILD: FULL[BUILD]}


def adds_cells(work: Work) -> dict[str, float]:
    work.solve()
    own = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "id": "mine", "source": "1 / 0"}
    work.notebook(NUMBERS)["cells"].insert(work.at(NUMBERS), own)
    return FULL


CLASS: dict[str, Person] = {
    "right": Person(everything),
    "untouched": Person(untouched, waits=False),
    "absent": Person(nothing, waits=False),
    "only-text": Person(only_text),
    "slip-heads": Person(slip(NUMBERS, "query_heads_for_kv_heads")),
    "slip-keys": Person(slip(NUMBERS, "forgot_keys_or_values")),
    "slip-layers": Person(slip(NUMBERS, "forgot_layers")),
    "slip-gib": Person(slip(NUMBERS, "gib_for_gb")),
    "slip-carried": Person(slip(FIND, "carried_mistake")),
    "slip-step": Person(slip(FIND, "other_step")),
    "raises-on-empty": Person(raises_on_empty),
    "returns-nothing": Person(returns_nothing),
    "deleted": Person(deletes_a_cell, flags=frozenset({Flag.MISSING_CELL})),
    "duplicated": Person(copies_a_cell, flags=frozenset({Flag.DUPLICATED_CELL})),
    "endless": Person(loops, flags=frozenset({Flag.STOPPED})),
    "endless-call": Person(loops_when_called, flags=frozenset({Flag.STOPPED})),
    "raising": Person(raises_half_way),
    "no-syntax": Person(cannot_be_compiled),
    "retyped": Person(retypes, flags=frozenset({Flag.RETYPED_CELL})),
    "no-metadata": Person(loses_metadata, flags=frozenset({Flag.LOST_MARKS})),
    "moved": Person(moves, flags=frozenset({Flag.MOVED_CELL})),
    "neighbour": Person(hands_in_a_neighbours, flags=frozenset({Flag.OTHER_STUDENT})),
    "tampered": Person(changes_the_numbers, flags=frozenset({Flag.CHANGED_CELL})),
    "fake-result": Person(prints_a_result, flags=frozenset({Flag.STOPPED})),
    "equals-all": Person(equals_everything),
    "looks-it-up": Person(looks_it_up),
    "one-notebook": Person(forgets_a_notebook, flags=frozenset({Flag.MISSING_NOTEBOOK})),
    "broken-file": Person(breaks_a_notebook, waits=False, flags=frozenset({Flag.UNREADABLE})),
    "own-cells": Person(adds_cells),
}


def hand_in(assignment: Assignment, student: str, handed: Path, submitted: Path) -> dict[str, float]:
    """Do what `student` does and write it below `submitted`; returns what it must earn."""
    notebooks = {path.stem: json.loads(path.read_text()) for path in sorted(handed.glob("*.ipynb"))}
    work = Work(assignment, student, notebooks)
    earns = CLASS[student].act(work)
    for question, notebook in work.notebooks.items():
        target = submitted / student / f"{question}.ipynb"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(notebook if isinstance(notebook, str) else json.dumps(notebook), encoding="utf-8")
    return {name: earns.get(name, 0.0) for name in EXERCISES}
