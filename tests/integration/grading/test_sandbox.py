"""Cells run apart: what comes back, what a cell that goes wrong costs, and that it costs nobody else anything."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hostile import BUILD, SIZE, cell, honest, mark

from workbook.grading.sandbox import Bubblewrap, Namespaces, Sandbox, Unprotected, best_sandbox, choose, run
from workbook.grading.sandbox.kinds import installed
from workbook.grading.types import CodeCell, Collect, Ended, Limits, NoSandbox, Ran

# No honest cell here takes a second; what is to be stopped by the clock is given less, where it is tested.
LIMITS = Limits(cell_s=20, total_s=60, memory_mb=512)


def usable(sandbox: Sandbox, *programs: str) -> bool:
    return all(installed(program) for program in programs) and not choose.fault(sandbox)


KINDS = [
    pytest.param(Bubblewrap(), id="bubblewrap"),
    pytest.param(Namespaces(), id="namespaces"),
    pytest.param(Unprotected(), id="unprotected"),
]


@pytest.fixture(params=KINDS)
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    one = request.param
    needs = {"bubblewrap": ["bwrap"], "namespaces": ["unshare", "setpriv"]}.get(one.name, [])
    if one.protected and not usable(one, *needs):
        pytest.skip(f"{one.name} does not work on this machine")
    return one


@pytest.fixture
def best() -> Sandbox:
    return best_sandbox(unprotected=True)


def values(source: str, *names: str, sandbox: Sandbox, limits: Limits = LIMITS) -> tuple[dict[str, object], Ran]:
    ran = run([CodeCell("cell", source, {}, Collect("x", names))], limits, sandbox)
    return dict(ran.values.get("x", {})), ran


# ---- what comes back -------------------------------------------------------------------------------------------------
def test_honest_answers_earn_full_marks(sandbox: Sandbox) -> None:
    ran = run(honest("somebody"), Limits(), sandbox)
    assert [mark(ran, name, "somebody").share for name in (SIZE, BUILD)] == [1, 1]
    assert [one.ended for one in ran.cells] == [Ended.OK, Ended.OK]
    assert ran.reasons == {}
    assert ran.sandbox == sandbox.name


def test_a_notebook_costs_well_under_a_second_of_cpu(sandbox: Sandbox) -> None:
    last = CodeCell("last", "import sys, time\nspent, numpy = time.process_time(), 'numpy' in sys.modules", {},
                    Collect("spent", ("spent", "numpy")))  # fmt: skip
    ran = run([*honest("somebody"), CodeCell("a", "x = 1"), CodeCell("b", "print(x)"), last], Limits(), sandbox)
    assert 0 < ran.values["spent"]["spent"] < 0.5
    assert ran.values["spent"]["numpy"] is False


def test_each_cell_finds_its_own_numbers_whatever_earlier_ones_made_of_them(sandbox: Sandbox) -> None:
    first = CodeCell("1", "k = 5\nrows.append(9)\ny = k", {"k": 1, "rows": []}, Collect("a", ("y",)))
    second = CodeCell("2", "y = [k, rows]", {"k": 2, "rows": [1]}, Collect("b", ("y",)))
    assert run([first, second], LIMITS, sandbox).values == {"a": {"y": 5}, "b": {"y": [2, [1]]}}


def test_an_answer_left_over_from_another_cell_is_not_taken(best: Sandbox) -> None:
    cells = [CodeCell("1", "gpus = 4", {}, Collect("a", ("gpus",))), CodeCell("2", "", {}, Collect("b", ("gpus",)))]
    ran = run(cells, LIMITS, best)
    assert ran.values == {"a": {"gpus": 4}}
    assert "`gpus` was not assigned in this cell" in ran.reasons["b"]


def test_helpers_of_an_earlier_cell_are_there(best: Sandbox) -> None:
    cells = [
        CodeCell("1", "import math\ndef half(x): return x / 2"),
        CodeCell("2", "y = half(3)", {}, Collect("b", ("y",))),
    ]
    assert run(cells, LIMITS, best).values == {"b": {"y": 1.5}}


def test_numpy_is_there_and_its_numbers_are_plain(sandbox: Sandbox) -> None:
    source = "import numpy as np\na = np.float64(3) / 2\nb = np.arange(4).sum()\nc = np.ones(2)"
    got, ran = values(source, "a", "b", "c", sandbox=sandbox)
    assert got == {"a": 1.5, "b": 6}
    assert "numpy array" in ran.reasons["x"]


def test_other_packages_are_not_there(best: Sandbox) -> None:
    if not best.protected:
        pytest.skip("no sandbox works on this machine")
    for name in ("scipy", "pint", "pytest", "pip", "setuptools"):
        _, ran = values(f"import {name}", sandbox=best)
        assert "ModuleNotFoundError" in ran.cells[0].error, name


@pytest.mark.parametrize("name", ["reference", "exercises", "workbook", "exercises.practice", "reference.sizing"])
def test_the_workbooks_own_packages_say_that_answers_stand_alone(sandbox: Sandbox, name: str) -> None:
    _, ran = values(f"import {name}", sandbox=sandbox)
    assert ran.cells[0].ended is Ended.RAISED
    assert "must stand alone" in ran.cells[0].error


def test_await_stands_outside_of_functions_and_one_loop_serves_all_cells(best: Sandbox) -> None:
    first = (
        "import asyncio\nasync def soon(): return await asyncio.sleep(0.01, 4)\ntask = asyncio.ensure_future(soon())"
    )
    cells = [
        CodeCell("1", first + "\nawait asyncio.sleep(0)"),
        CodeCell("2", "y = await task", {}, Collect("a", ("y",))),
    ]
    assert run(cells, LIMITS, best).values == {"a": {"y": 4}}


def test_it_runs_as_the_main_module(best: Sandbox) -> None:
    source = """
import dataclasses, pickle, sys, inspect
@dataclasses.dataclass
class Point:
    x: int
a = __name__
b = pickle.loads(pickle.dumps(Point(3))).x
c = sys.modules["__main__"].Point is Point
d = inspect.getsource(Point.__init__) != ""
""".replace("d = inspect.getsource(Point.__init__)", "def f():\n    return 1\nd = inspect.getsource(f)")
    assert values(source, "a", "b", "c", "d", sandbox=best)[0] == {"a": "__main__", "b": 3, "c": True, "d": True}


def test_checks_do_nothing_and_say_so(best: Sandbox) -> None:
    got, ran = values("work.check('q1', a=1)\nwork.hint('q1').again()\nwork\na = 1", "a", sandbox=best)
    assert got == {"a": 1}
    assert "do not run" in ran.cells[0].output


def test_magics_are_left_out_with_a_note(best: Sandbox) -> None:
    got, ran = values("%load_ext x\n!ls\na = 1", "a", sandbox=best)
    assert got == {"a": 1}
    assert ran.cells[0].output.count("does not run here") == 2


def test_an_error_shows_the_students_own_lines_only(best: Sandbox) -> None:
    _, ran = values("def half(x):\n    return x / 0\nhalf(1)", sandbox=best)
    error = ran.cells[0].error
    assert "return x / 0" in error
    assert error.rstrip().endswith("ZeroDivisionError: division by zero")
    assert "line 2" in error
    assert error.count("File ") == 2
    _, ran = values("x = = 1", sandbox=best)
    assert "SyntaxError" in ran.cells[0].error


def test_an_answer_set_before_an_error_counts(best: Sandbox) -> None:
    got, ran = values("a = 3\n1 / 0", "a", sandbox=best)
    assert got == {"a": 3}
    assert ran.cells[0].ended is Ended.RAISED


# ---- output ----------------------------------------------------------------------------------------------------------
def test_output_of_all_kinds_is_kept_with_its_own_cell(sandbox: Sandbox) -> None:
    cells = [
        CodeCell("1", "import os, sys\nprint('one')\nsys.stderr.write('two\\n')\nos.write(1, b'three\\n')"),
        CodeCell("2", ""),
        CodeCell("3", "print('four', end='')"),
        CodeCell("4", "print('five')\nos._exit(1)"),
        CodeCell("5", "print('six')"),
    ]
    ran = run(cells, LIMITS, sandbox)
    assert [one.output for one in ran.cells] == ["one\ntwo\nthree\n", "", "four", "five\n", "six\n"]


def test_output_is_cut_and_the_cell_goes_on(best: Sandbox) -> None:
    got, ran = values("for n in range(20000): print('x' * 100)\na = 1", "a", sandbox=best)
    assert got == {"a": 1}
    assert len(ran.cells[0].output) < LIMITS.output_bytes + 50
    assert ran.cells[0].output.endswith(" bytes more]")


# ---- what a cell that goes wrong costs -------------------------------------------------------------------------------
@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "ended"),
    [
        ("while True: pass", Ended.TIME),
        ("import time; time.sleep(100)", Ended.TIME),
        ("import os; os._exit(0)", Ended.KILLED),
        ("import os; os.kill(os.getpid(), 9)", Ended.KILLED),
        ("import sys; sys.exit(0)", Ended.RAISED),
        ("raise KeyboardInterrupt", Ended.RAISED),
        ("x = [bytearray(1 << 24) for _ in range(1000)]", Ended.MEMORY),
        ("input()", Ended.RAISED),
    ],
)
def test_a_cell_that_goes_wrong_costs_only_itself(sandbox: Sandbox, source: str, ended: Ended) -> None:
    before = CodeCell("before", "def double(x): return 2 * x\na = 1", {}, Collect("a", ("a",)))
    bad = CodeCell("bad", source, {"n": 21}, Collect("bad", ("z",)))
    after = CodeCell("after", "b = double(n)", {}, Collect("b", ("b",)))
    limits = replace(LIMITS, cell_s=1.2) if ended is Ended.TIME else LIMITS
    ran = run([before, bad, after], limits, sandbox)
    assert [one.ended for one in ran.cells] == [Ended.OK, ended, Ended.OK]
    assert ran.values == {"a": {"a": 1}, "b": {"b": 42}}
    assert ran.reasons["bad"]


def test_several_bad_cells_are_each_left_out(best: Sandbox) -> None:
    bad = CodeCell("bad", "import os; os._exit(1)", {}, Collect("bad", ("z",)))
    good = CodeCell("good", "a = 1", {}, Collect("a", ("a",)))
    ran = run([bad, good, bad, bad, good, bad], LIMITS, best)
    assert [one.ended is Ended.OK for one in ran.cells] == [False, True, False, False, True, False]


def test_the_total_time_ends_the_notebook_and_says_what_did_not_run(best: Sandbox) -> None:
    loop = CodeCell("loop", "while True: pass", {}, Collect("loop", ("z",)))
    ran = run([loop] * 6, Limits(cell_s=1, total_s=2.5), best)
    began = sum(one.ended is Ended.TIME for one in ran.cells)
    assert 1 <= began <= 3  # a sandbox takes long to start on a busy machine
    assert [one.ended for one in ran.cells[began:]] == [Ended.NOT_RUN] * (6 - began)
    assert "2.5 s" in ran.cells[-1].error
    assert sum(one.seconds for one in ran.cells) < 5


def test_a_case_that_hangs_costs_the_built_part_only(best: Sandbox) -> None:
    cells = honest("somebody")
    cells.insert(0, cell(BUILD, "def fuse(rankings, k):\n    while len(rankings) == 3: pass\n    return []", "other"))
    ran = run(cells[:2], replace(LIMITS, cell_s=2), best)
    assert [one.ended for one in ran.cells] == [Ended.TIME, Ended.OK]
    assert BUILD not in ran.observations
    assert "2 s" in ran.reasons[BUILD]


def test_a_notebook_without_cells_is_fine(best: Sandbox) -> None:
    assert run([], LIMITS, best) == Ran((), {}, {}, {}, best.name)


def test_large_jobs_and_results_fit_through(best: Sandbox) -> None:
    source = "x = 1\n" + "# " + "y" * 500_000 + "\nbig = 'z' * 400_000\nalso = numbers"
    one = CodeCell("big", source, {"numbers": list(range(50_000))}, Collect("x", ("big", "also")))
    ran = run([one], Limits(), best)
    assert len(ran.values["x"]["big"]) == 400_000
    assert len(ran.values["x"]["also"]) == 50_000


# ---- choosing --------------------------------------------------------------------------------------------------------
def test_a_sandbox_that_keeps_nothing_apart_is_found_out() -> None:
    class Open(Unprotected):
        protected = True

        def command(self, inner, limits, uid):
            return list(inner)

    why = choose.fault(Open())
    assert "not kept apart" in why or "did not start" in why or "trial run" in why


def test_without_any_sandbox_nothing_runs_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "installed", lambda program: False)
    choose._best.cache_clear()
    try:
        with pytest.raises(NoSandbox, match="bwrap is not installed") as caught:
            best_sandbox()
        assert "bubblewrap" in caught.value.mend
        assert best_sandbox(unprotected=True).name == "unprotected"
    finally:
        choose._best.cache_clear()


def test_a_sandbox_that_is_installed_but_forbidden_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setattr(choose, "installed", lambda program: program == "bwrap")
    monkeypatch.setattr(
        Bubblewrap, "command", lambda self, inner, limits, uid: ["/bin/sh", "-c", "echo not permitted; exit 1"]
    )
    choose._best.cache_clear()
    try:
        with pytest.raises(NoSandbox, match="not permitted"):
            best_sandbox()
    finally:
        choose._best.cache_clear()


def test_a_sandbox_that_does_not_start_is_no_students_fault() -> None:
    class Broken(Unprotected):
        def command(self, inner, limits, uid):
            return ["/does/not/exist"]

    with pytest.raises(NoSandbox, match="/does/not/exist"):
        run([CodeCell("1", "x = 1")], LIMITS, Broken())


def test_limits_below_what_python_needs_do_not_keep_it_from_starting(best: Sandbox) -> None:
    tight = Limits(cell_s=5, total_s=10, memory_mb=1, processes=1, file_mb=1, disk_mb=1, output_bytes=0)
    ran = run(honest("somebody"), tight, best)
    assert [mark(ran, name, "somebody").share for name in (SIZE, BUILD)] == [1, 1]


def test_a_cell_does_not_outlast_the_notebook(best: Sandbox) -> None:
    ran = run([CodeCell("loop", "while True: pass")], Limits(cell_s=20, total_s=1), best)
    assert ran.cells[0].ended is Ended.TIME
    assert ran.cells[0].seconds < 5
    assert "notebook" in ran.cells[0].error


def test_an_interrupt_that_comes_late_does_not_reach_the_runner(best: Sandbox) -> None:
    got, ran = values("import signal\nsignal.raise_signal(signal.SIGINT)\na = 1", "a", sandbox=best)
    assert got == {"a": 1}
    assert ran.cells[0].ended is Ended.OK
