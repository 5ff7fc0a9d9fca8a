"""The sandbox as an ordinary user, and when whoever grades is killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_sandbox_hostile import began

from workbook.grading.sandbox import best_sandbox, processes, run
from workbook.grading.types import CodeCell, Ended, Limits, NoSandbox

ROOT = Path(__file__).resolve().parents[3]
NOBODY = 65534
# Each stands for a kind: a view of the machine, rights, processes, memory, files, output, a forged result.
CHOSEN = (
    "reads_the_key", "searches_everything", "gets_rights_back", "chroot_and_mount", "ptrace_of_others",
    "writes_outside", "loopback_of_the_host", "unix_sockets_of_the_host", "other_socket_families", "fork_bomb",
    "thread_bomb", "kills_everyone", "background_process", "memory_hog_in_children", "memory_that_nobody_counts",
    "many_small_files", "disk_filler", "processes_of_others", "through_links_of_proc", "forges_with_the_word",
    "huge_output_past_python", "endless_loop",
)  # fmt: skip


TRIED = "import os, sys, numpy, pint, exercises.catalogue; open(os.path.realpath(sys.executable), 'rb')"


def python_for(user: int) -> list[str]:
    """A command that runs Python with the packages of this one as another user; skips if that user has none."""
    found = [sys.executable, shutil.which("python3", path="/usr/bin:/usr/local/bin") or ""]
    for program in filter(None, found):
        command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", program]
        tried = subprocess.run([*command, "-c", TRIED], env=environment(), cwd="/", check=False)
        if tried.returncode == 0:
            return command
    pytest.skip("an ordinary user of this machine can run no Python that has the workbook's packages")


def environment() -> dict[str, str]:
    paths = [str(ROOT), str(Path(__file__).parent), *(path for path in sys.path if path.endswith("site-packages"))]
    return {"PATH": os.environ["PATH"], "PYTHONPATH": ":".join(paths), "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.mark.slow
def test_an_ordinary_user_is_protected_as_root_is() -> None:
    if os.geteuid() != 0:
        pytest.skip("this is an ordinary user: the other tests have shown it")
    command = [*python_for(NOBODY), "-m", "hostile", *CHOSEN]
    done = subprocess.run(command, env=environment(), cwd="/", capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    said = json.loads(done.stdout)
    assert said["user"] == NOBODY
    assert len(said["found"]) == 2 * len(CHOSEN)
    assert {name: faults for name, faults in said["found"].items() if faults} == {}


GRADER = """
import os, threading, time
from workbook.grading.sandbox import Bubblewrap, Namespaces, processes, run
from workbook.grading.types import CodeCell, Limits
source = "import os, time\\nfor _ in range(3):\\n    if os.fork() == 0: os.setsid()\\ntime.sleep(3600)"
for sandbox in (Bubblewrap(), Namespaces()):
    threading.Thread(target=run, args=([CodeCell("1", source)], Limits(cell_s=600, total_s=600), sandbox)).start()
until = time.monotonic() + 30
while len(processes.below(os.getpid())) < 20 and time.monotonic() < until:
    time.sleep(0.05)
print(*processes.below(os.getpid()), flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("user", [None, NOBODY], ids=["this user", "an ordinary user"])
def test_when_the_grader_is_killed_its_runs_end_too(user: int | None) -> None:
    try:
        best_sandbox()
    except NoSandbox as error:
        pytest.skip(str(error))
    if user is not None and os.geteuid() != 0:
        pytest.skip("this is an ordinary user already")
    command = [sys.executable] if user is None else python_for(user)
    grader = subprocess.Popen([*command, "-c", GRADER], env=environment(), cwd="/", stdout=subprocess.PIPE, text=True)
    try:
        assert grader.stdout is not None
        running = {pid: began(pid) for pid in map(int, grader.stdout.readline().split())}
        assert len(running) >= 20  # two sandboxes with eight processes of the submission in each
    finally:
        grader.send_signal(signal.SIGKILL)
        grader.wait()
    until = time.monotonic() + 10
    while time.monotonic() < until and any(when and began(pid) == when for pid, when in running.items()):
        time.sleep(0.05)
    left = [pid for pid, when in running.items() if when and began(pid) == when]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert left == []


def test_a_run_that_is_interrupted_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = best_sandbox(unprotected=True)
    seen: list[tuple[int, str]] = []

    def interrupted(pids: list[int], most: float) -> float:
        seen.extend((pid, began(pid)) for pid in pids)
        raise KeyboardInterrupt

    monkeypatch.setattr(processes, "memory_mb", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run([CodeCell("1", "import time; time.sleep(3600)")], Limits(), sandbox)
    assert seen or not sandbox.protected
    assert [pid for pid, when in seen if when and began(pid) == when] == []


@pytest.mark.slow
def test_two_runs_do_not_count_each_others_processes() -> None:
    """A fork bomb in one leaves threads to the other."""
    from concurrent.futures import ThreadPoolExecutor

    sandbox = best_sandbox(unprotected=True)
    if not sandbox.protected:
        pytest.skip("no sandbox works on this machine")
    bomb = CodeCell(
        "bomb",
        "import os, time\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        time.sleep(0.01)",
    )
    threads = CodeCell(
        "threads",
        "import threading, time\nts = [threading.Thread(target=time.sleep, args=(0.5,)) for _ in range(16)]\n"
        "[t.start() for t in ts]\n[t.join() for t in ts]",
    )
    # The bomb is there until it is stopped; the other has time for whatever holds the machine up.
    limits = (Limits(cell_s=2.5, processes=24), Limits(cell_s=20, processes=24))
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda one, most: run([one], most, sandbox).cells[0], (bomb, threads), limits)
    assert first.ended is not Ended.OK
    assert second.ended is Ended.OK, second.error
