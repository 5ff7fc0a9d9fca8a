"""The life of the generator's process, with a light program in its place."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import psutil
import pytest

from reference.serving.load.generator import LoadGenerator, LoadGeneratorError

# Answers every job with its own number; "do" makes it hang, die or refuse.
DRIVER = """
import json, os, sys, time
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    job = json.loads(line)
    if job.get("do") == "hang":
        time.sleep(job.get("seconds", 600))
    if job.get("do") == "die":
        print("out of luck", file=sys.stderr, flush=True)
        os._exit(3)
    failed = {"failed": "ValueError: no"} if job.get("do") == "refuse" else {}
    print(json.dumps({"number": job["number"], "environment": dict(os.environ), **failed}), flush=True)
"""


@pytest.fixture
def generator() -> Iterator[LoadGenerator]:
    with LoadGenerator([sys.executable, "-c", DRIVER]) as one:
        yield one


def ask(generator: LoadGenerator, number: int, timeout_s: float = 30.0, **more: object) -> dict:
    return generator.run({"base_url": "http://127.0.0.1:9/v1", "number": number, **more}, timeout_s)


def test_one_process_serves_many_jobs(generator):
    assert ask(generator, 1)["number"] == 1
    pid = generator.pid
    assert ask(generator, 2)["number"] == 2
    assert generator.pid == pid


@pytest.mark.slow
def test_a_job_that_takes_too_long_is_stopped_and_its_answer_never_mistaken(generator):
    ask(generator, 1)
    pid = generator.pid
    with pytest.raises(LoadGeneratorError, match="did not finish the load point in 1 s"):
        ask(generator, 2, timeout_s=1.0, do="hang", seconds=1.5)
    assert generator.pid is None
    assert not psutil.pid_exists(pid)
    assert ask(generator, 3)["number"] == 3


@pytest.mark.slow
def test_an_interrupted_wait_stops_the_process_and_the_next_job_gets_its_own_answer(generator):
    ask(generator, 1)
    threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        ask(generator, 2, do="hang", seconds=3)
    assert generator.pid is None
    assert ask(generator, 3)["number"] == 3


def test_the_last_words_of_a_dead_process_are_in_the_error(generator):
    with pytest.raises(LoadGeneratorError, match="died: out of luck"):
        ask(generator, 1, do="die")
    assert ask(generator, 2)["number"] == 2


def test_a_process_killed_between_jobs_is_replaced(generator):
    ask(generator, 1)
    assert generator.pid is not None
    os.kill(generator.pid, signal.SIGKILL)
    try:
        answer = ask(generator, 2)
    except LoadGeneratorError:  # the death was noticed only by asking
        answer = ask(generator, 2)
    assert answer["number"] == 2


def test_a_program_that_cannot_start_says_why():
    broken = LoadGenerator([sys.executable, "-c", "import no_such_module"])
    with pytest.raises(LoadGeneratorError, match="No module named 'no_such_module'"):
        ask(broken, 1)
    assert broken.pid is None


def test_a_refused_job_leaves_the_process_running(generator):
    ask(generator, 1)
    pid = generator.pid
    with pytest.raises(LoadGeneratorError, match="ValueError: no"):
        ask(generator, 2, do="refuse")
    assert generator.pid == pid


def test_no_proxy_of_the_environment_sees_loopback_traffic(generator, monkeypatch):
    for name in ("HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://192.0.2.1:3128")
    seen = ask(generator, 1)["environment"]
    assert not {name for name in seen if name.lower().endswith("_proxy") and name != "NO_PROXY"}
    assert seen["NO_PROXY"] == "*"


def test_jobs_to_other_machines_are_refused_before_the_process_starts(generator):
    with pytest.raises(ValueError, match="not loopback"):
        generator.run({"base_url": "http://192.0.2.7:80/v1", "number": 1}, 5.0)
    assert generator.pid is None


def test_the_process_ends_with_a_parent_that_is_killed():
    code = (
        "import sys, time; from reference.serving.load.generator import LoadGenerator\n"
        f"one = LoadGenerator([sys.executable, '-c', {DRIVER!r}]); one.prestart()\n"
        "print(one.pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.stdout.close()
    parent.kill()
    parent.wait()
    psutil.wait_procs([child], timeout=60)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
