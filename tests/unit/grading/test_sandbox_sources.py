"""The parts that are sent into the sandbox as source, each by itself."""

from __future__ import annotations

import json
import math
import struct
from enum import IntEnum
from functools import cache

import numpy
import pytest

from exercises.builds import observe
from exercises.model import Build, Case
from workbook.grading.sandbox import lock
from workbook.grading.sandbox.cells import compiled, told
from workbook.grading.sandbox.plain import NotJson, collected, observation, text_of


def plain(value: object, room: int = 10_000) -> object:
    return json.loads(text_of(value, [room]))


# ---- values ----------------------------------------------------------------------------------------------------------
class Colour(IntEnum):
    RED = 3


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None), (..., None), (True, True), (3, 3), (-2.5, -2.5), ("ä\n", "ä\n"), ([1, (2, [])], [1, [2, []]]),
        ({"a": {"b": 1}}, {"a": {"b": 1}}), (Colour.RED, 3), (numpy.float64(2.5), 2.5), (numpy.int32(7), 7),
        (numpy.bool_(True), True), (numpy.array(4.5), 4.5), (numpy.str_("x"), "x"), (1e300, 1e300),
    ],
)  # fmt: skip
def test_plain_values_and_numpy_scalars_come_through(value: object, expected: object) -> None:
    got = plain(value)
    assert got == expected
    assert type(got) is type(expected)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (math.nan, "finite"), (-math.inf, "finite"), (numpy.float64("nan"), "finite"), (1 << 2000, "digits"),
        (object(), "plain value"), (1j, "plain value"), ({1: 2}, "keys"), (numpy.arange(3), "array"), ({3}, "set"),
        (numpy.longdouble(1), "plain number"), (b"x", "bytes"), ((n for n in ()), "generator"), 
        ("x" * 10_001, "larger"),
        (list(range(10_000)), "larger"), ({"x" * 20_000: 1, "y": 2}, "larger"),
    ],
)  # fmt: skip
def test_what_is_no_plain_value_is_refused_with_a_reason(value: object, why: str) -> None:
    with pytest.raises(NotJson, match=why):
        text_of(value, [10_000])


def test_a_value_is_what_it_is_not_what_it_says() -> None:
    class Lie(float):
        def __repr__(self) -> str:
            return "1"

        def __add__(self, other: float) -> float:
            return 128.0

    class Pretender:
        __class__ = float  # type: ignore[assignment]

    assert plain(Lie(-3.0)) == -3.0
    with pytest.raises(NotJson):
        text_of(Pretender(), [100])


def test_a_list_in_itself_is_refused_and_does_not_recurse() -> None:
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(NotJson, match="deep"):
        text_of(loop, [10_000])


def test_an_observation_is_what_practice_observes() -> None:
    def driver(implementation, arguments):
        return implementation(**arguments)

    results = [1, {2: (3,)}, math.inf, object(), {1, 2}, numpy.float64(2), numpy.int64(2), "x", [[]], 10**5000]
    build = Build("f", "", None, (), lambda p, r: [], driver)
    for result in results:

        def one(x, result=result):
            return result

        assert json.loads(observation(one, driver, {"x": 1})) == observe(build, one, Case("", {"x": 1}))
    for error in (ValueError, KeyError("x"), NotImplementedError, type("Own", (Exception,), {})):

        def raising(x, error=error):
            raise error

        assert json.loads(observation(raising, driver, {"x": 1})) == observe(build, raising, Case("", {"x": 1}))


def test_names_are_collected_and_missing_ones_named() -> None:
    asked = {"names": ["a", "b", "c"], "build": "", "driver": "", "driver_name": "", "cases": []}
    values, reasons, seen = collected(asked, {"a": 1, "b": object()}, 1000)
    assert json.loads(values) == {"a": 1}
    assert seen == "null"
    assert len(reasons) == 2
    assert "`c` was not assigned" in reasons[1]


def test_a_driver_whose_annotations_name_what_is_not_there_runs() -> None:
    driver = "def go(one: Missing, arguments: dict[str, Value]) -> Value:\n    return one(arguments['x'])\n"
    asked = {"names": [], "build": "f", "driver": driver, "driver_name": "go", "cases": [{"x": 1}, {"x": 2}]}
    _, reasons, seen = collected(asked, {"f": lambda x: x + 1}, 1000)
    assert reasons == []
    assert json.loads(seen) == [{"value": 2}, {"value": 3}]


# ---- source ----------------------------------------------------------------------------------------------------------
def ran(source: str) -> tuple[dict[str, object], list[str]]:
    code, notes = compiled(source, "<cell>")
    space: dict[str, object] = {}
    exec(code, space)
    return space, notes


def test_magics_and_shell_lines_become_comments_with_a_note() -> None:
    space, notes = ran("%matplotlib inline\nx = 1\n!pip install y\nfiles = !ls\nif x:\n    %time f()\ny = 2\nstr?\n")
    assert (space["x"], space["y"]) == (1, 2)
    assert [note.split("`")[1] for note in notes] == [
        "%matplotlib inline", "!pip install y", "files = !ls", "%time f()", "str?",
    ]  # fmt: skip


def test_a_percent_that_is_python_stays() -> None:
    space, notes = ran("x = (10\n% 4)\ny = '''\n%time\n!ls\n'''\n")
    assert (space["x"], space["y"], notes) == (2, "\n%time\n!ls\n", [])


def test_a_cell_magic_around_python_runs_the_python_and_another_runs_nothing() -> None:
    assert ran("%%time\nx = 1\n")[0]["x"] == 1
    space, notes = ran("\n%%bash\nrm -rf x\n")
    assert "x" not in space
    assert notes == ["line 2: `%%bash` does not run here"]


def test_the_note_on_a_line_that_does_not_run_names_that_line() -> None:
    assert ran("x = 1\n!ls\n")[1] == ["line 2: `!ls` does not run here"]


def test_of_an_error_the_students_frames_and_the_end_are_told() -> None:
    try:
        exec(compile("def f():\n    raise ValueError('x' * 5000 + 'end')\nf()", "<cell>", "exec"))
    except ValueError as error:
        short, long = told(KeyError("k"), {"<cell>"}), told(error, {"<cell>"})
    assert short == "KeyError: 'k'\n"
    assert (len(long), long[-4:]) == (2000, "end\n")


def test_frames_that_are_not_the_students_are_not_told() -> None:
    try:
        exec(compile("1 / 0", "<cell>", "exec"))
    except ZeroDivisionError as error:
        lines = told(error, {"<cell>"}).splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert [line.strip() for line in lines if "File" in line] == ['File "<cell>", line 1, in <module>']
    assert lines[-1] == "ZeroDivisionError: division by zero"


def test_what_is_no_python_is_a_syntax_error_with_its_own_line() -> None:
    with pytest.raises(SyntaxError) as caught:
        compiled("x = 1\ny = = 2\n", "<cell>")
    assert caught.value.lineno == 2


# ---- the filter of system calls --------------------------------------------------------------------------------------
@cache
def instructions(machine: str) -> list[tuple[int, ...]]:
    return list(struct.iter_unpack("=HBBI", lock.program(machine)))


def decide(machine: str, number: int, first: int = 0, architecture: int | None = None) -> int:
    """Runs the filter as the kernel would."""
    code = instructions(machine)
    kind = lock._ARCHITECTURES[machine][0] if architecture is None else architecture
    data = struct.pack("=iIQ6Q", number, kind, 0, first, 0, 0, 0, 0, 0)
    at = value = 0
    while True:
        operation, yes, no, constant = code[at]
        at += 1
        if operation == lock._LOAD:
            value = struct.unpack_from("=I", data, constant)[0]
        elif operation == lock._RETURN:
            return constant
        else:
            met = {lock._EQUAL: value == constant, lock._GREATER: value > constant, lock._ANY: bool(value & constant)}
            at += yes if met[operation] else no


MACHINES = [("x86_64", 0), ("aarch64", 1)]


@pytest.mark.parametrize(("machine", "column"), MACHINES)
def test_every_listed_call_is_refused_and_others_pass(machine: str, column: int) -> None:
    for numbers in lock._DENIED.values():
        assert decide(machine, numbers[column]) == lock._EPERM
    listed = {numbers[column] for numbers in lock._DENIED.values()}
    special = {lock._CLONE[column], lock._SOCKET[column], lock._CLONE3}
    assert all(decide(machine, number) == lock._ALLOW for number in range(460) if number not in listed | special)


@pytest.mark.parametrize(("machine", "column"), MACHINES)
def test_threads_may_start_and_namespaces_may_not(machine: str, column: int) -> None:
    clone = lock._CLONE[column]
    assert decide(machine, clone, 0x3D0F00) == lock._ALLOW  # as the C library starts a thread
    assert decide(machine, clone, 17) == lock._ALLOW  # as it forks
    for flag in (0x10000000, 0x20000000, 0x40000000, 0x00020000, 0x04000000, 0x08000000, 0x02000000, 0x80):
        assert decide(machine, clone, 17 | flag) == lock._EPERM
    assert decide(machine, lock._CLONE3) == lock._ENOSYS


@pytest.mark.parametrize(("machine", "column"), MACHINES)
def test_only_sockets_of_the_namespace_open(machine: str, column: int) -> None:
    allowed = [family for family in range(50) if decide(machine, lock._SOCKET[column], family) == lock._ALLOW]
    assert allowed == [1, 2, 10]


def test_calls_under_another_numbering_do_not_pass() -> None:
    assert decide("x86_64", 165, architecture=0x40000003) == lock._KILL  # 32-bit calls
    assert decide("x86_64", 0x40000000 | 39) == lock._EPERM  # x32
    assert lock.program("s390x") == b""
