from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from batch_work import returns_exploding, work

from workbook.grading.batch import run_all, usable_cores

pytestmark = pytest.mark.timeout(120)


def outcomes(tasks, jobs=3, deadline_s=30.0, function=work):
    return dict(run_all(function, tasks, jobs=jobs, deadline_s=lambda task: deadline_s))


def alive(pid: int) -> bool:
    """A zombie is not: it only waits to be collected."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except OSError:
        return False


def until(condition, seconds=30.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.slow
def test_every_task_has_its_outcome_whatever_becomes_of_the_others():
    tasks = [
        ("ok", 0), ("raise", 1), ("exit", 2), ("die", 3), ("killed", 4), ("unsendable", 5), ("huge", 6), ("ok", 7),
    ]  # fmt: skip
    found = outcomes(tasks)
    assert sorted(found) == list(range(8))
    assert (found[0].value, found[7].value, len(found[6].value)) == (0, 7, 5_000_000)
    assert {index for index, one in found.items() if not one.failure} == {0, 6, 7}
    assert found[1].failure == "ValueError: a bug on 1"
    assert "SystemExit" in found[2].failure
    assert "exit code 7" in found[3].failure
    assert "SIGKILL" in found[4].failure
    assert "cannot be sent" in found[5].failure


def test_a_result_that_cannot_be_read_is_that_tasks_failure():
    assert "RuntimeError" in outcomes([1], function=returns_exploding)[0].failure


@pytest.mark.slow
def test_what_hangs_is_ended_at_its_deadline_and_the_rest_goes_on():
    tasks = [("hang", 0), *[("ok", number) for number in range(1, 5)]]
    found = dict(run_all(work, tasks, jobs=2, deadline_s=lambda task: 1 if task[0] == "hang" else 60))
    assert "longer than 1 s" in found[0].failure
    assert [found[number].value for number in range(1, 5)] == [1, 2, 3, 4]


@pytest.mark.slow
def test_what_a_hanging_task_started_ends_with_it(tmp_path):
    note, begun = tmp_path / "pid", time.monotonic()

    def deadline_s(task):
        """Over once the task has started its own, however long that takes; asked again after a tenth of a second."""
        return 0.0 if note.exists() and note.read_text() else time.monotonic() - begun + 0.1

    found = dict(run_all(work, [("child", str(note))], jobs=1, deadline_s=deadline_s))
    assert "longer than" in found[0].failure
    pid = int(note.read_text())
    assert until(lambda: not alive(pid), 5)


@pytest.mark.slow
def test_tasks_run_at_the_same_time_but_no_more_than_asked_for(tmp_path):
    found = outcomes([("meet", (str(tmp_path), 4))] * 4, jobs=4)
    assert [found[index].value for index in range(4)] == [4] * 4
    found = outcomes([("meet", (str(tmp_path), 1))] * 3, jobs=1)
    assert [found[index].value for index in range(3)] == [1] * 3


def test_results_come_as_they_end_not_in_order():
    running = run_all(work, [("hang", 0), ("ok", 1)], jobs=2, deadline_s=lambda task: 30)
    with contextlib.closing(running):
        assert next(iter(running))[0] == 1


@pytest.mark.slow
def test_stopping_half_way_ends_what_runs(tmp_path):
    note = tmp_path / "pid"
    running = run_all(work, [("child", str(note)), ("ok", 1)], jobs=2, deadline_s=lambda task: 60)
    with contextlib.closing(running):
        next(running)
        assert until(lambda: note.exists() and note.read_text())
    assert until(lambda: not alive(int(note.read_text())), 5)


@pytest.mark.slow
def test_a_parent_that_is_killed_leaves_nobody_behind(tmp_path):
    note = tmp_path / "pid"
    code = (
        f"import sys; sys.path[:0] = {[str(Path(__file__).parent), str(Path(__file__).parents[3])]!r}\n"
        "from batch_work import work\nfrom workbook.grading.batch import run_all\n"
        f"list(run_all(work, [('child', {str(note)!r})], jobs=1, deadline_s=lambda task: 60))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code])
    try:
        assert until(lambda: note.exists() and note.read_text())
        pid = int(note.read_text())
        assert alive(pid)
    finally:
        parent.kill()
        parent.wait()
    assert until(lambda: not alive(pid))


def test_no_task_is_no_outcome():
    assert outcomes([]) == {}


def test_cores_are_those_this_process_may_use():
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
