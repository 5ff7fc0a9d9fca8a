"""The set-up as a whole, with uv replaced by a script: interrupted, killed, twice at once, and called by make."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time

import pytest
from setup_project import script
from setup_steps import places, venv
from setup_steps.run import sources_hash


def eventually(condition, seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


@pytest.mark.slow
def test_a_set_up_that_ends_well_leaves_its_stamp_and_a_record_of_what_it_installed(project):
    code, said = project.run()
    assert (code, said.splitlines()[-1][:11]) == (0, "set-up done")
    assert (project.venv / ".ok-auto").exists()
    assert not (project.venv / ".installing").exists()
    record = json.loads((project.venv / "set-up.json").read_text())
    assert record["sources_sha256"] == sources_hash(project.root)
    assert record["variant"] == "cpu"


def test_without_make_the_end_says_how_to_go_on(project):
    done = subprocess.run([sys.executable, "scripts/setup_env.py", "--variant", "cpu"], cwd=project.root,
                          capture_output=True, text=True)  # fmt: skip
    assert done.stdout.splitlines()[-1] == "next: .venv/bin/workbook lab"


@pytest.mark.slow
def test_a_full_disk_is_told_with_what_is_free_and_leaves_no_stamp(project):
    (project.venv / ".ok-auto").touch()
    (project.venv / "set-up.json").write_text("{}")
    code, said = project.run(FAKE_UV_SAYS="cause: No space left on device (os error 28)", FAKE_UV_EXIT="2")
    assert code == 1
    assert "GB free for" in said
    assert "the disk is full" in said
    assert "UV_CACHE_DIR" in said
    assert not (project.venv / ".ok-auto").exists()
    assert not (project.venv / "set-up.json").exists()
    assert (project.venv / ".installing").exists()


@pytest.mark.slow
def test_after_an_interruption_what_is_half_there_is_forgotten_so_that_uv_installs_it(project):
    site = project.venv / "lib" / "python3.11" / "site-packages"
    for name, record, files in (
        ("whole", "whole.py,,\nwhole.pyc,,\nwhole-1.dist-info/RECORD,,\n", ["whole.py"]),
        ("cut", "cut.py,,\n", []),
        ("begun", None, ["begun.py"]),
    ):
        (site / f"{name}-1.dist-info").mkdir(parents=True)
        for file in files:
            (site / file).touch()
        if record:
            (site / f"{name}-1.dist-info" / "RECORD").write_text(record)
    project.run()
    assert len(list(site.glob("*.dist-info"))) == 3  # nothing was interrupted, so nothing is looked at
    (project.venv / ".installing").touch()
    code, said = project.run()
    assert code == 0
    assert "half there and installed anew: begun, cut" in said
    assert [info.name for info in site.glob("*.dist-info")] == ["whole-1.dist-info"]
    assert not (project.venv / ".installing").exists()


def test_ctrl_c_ends_uv_too_and_leaves_no_stamp(project):
    process = project.start(FAKE_UV_SLEEP="30")
    assert eventually(lambda: project.uv_calls())
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=20)[0]
    assert process.returncode == 130
    assert "run the same command to go on" in said
    assert not (project.venv / ".ok-auto").exists()
    assert (project.venv / ".installing").exists()


@pytest.mark.slow
def test_after_kill_9_the_next_call_waits_for_the_orphan_and_ends_well(project):
    killed = project.start(FAKE_UV_WAITS="yes")
    assert eventually(lambda: project.uv_calls())
    killed.kill()
    killed.wait()
    code, said = project.run_beside_one_that_waits()
    assert code == 0
    assert "another set-up is at work in this folder" in said
    assert [call.split()[0] for call in project.uv_calls()] == ["begin", "end", "begin", "end"]
    assert (project.venv / ".ok-auto").exists()


@pytest.mark.slow
def test_two_at_once_install_one_after_the_other(project):
    first = project.start(FAKE_UV_WAITS="yes")
    assert eventually(lambda: project.uv_calls())
    code, said = project.run_beside_one_that_waits()
    assert first.wait(20) == 0
    assert (code, "waiting for it to end" in said) == (0, True)
    assert [call.split()[0] for call in project.uv_calls()] == ["begin", "end", "begin", "end"]


@pytest.mark.slow
def test_stamps_of_other_variants_are_dropped_before_packages_change(project):
    (project.venv / ".ok-gpu").touch()
    project.run()
    assert [stamp.name for stamp in project.venv.glob(".ok-*")] == [".ok-auto"]


def test_on_a_terminal_uv_gets_one_and_its_output_is_passed_on(project):
    ours, its = pty.openpty()
    args = [sys.executable, "scripts/setup_env.py", "--variant", "cpu"]
    process = subprocess.Popen(args, cwd=project.root, stdout=subprocess.DEVNULL, stderr=its)
    os.close(its)
    said = b""
    try:
        while chunk := os.read(ours, 4096):
            said += chunk
    except OSError:
        pass
    os.close(ours)
    assert process.wait(20) == 0
    assert b"on a terminal" in said


def test_a_log_that_cannot_be_written_is_told_with_the_mend(project):
    (project.root / "setup.log").mkdir()
    code, said = project.run()
    assert code == 1
    assert "setup.log cannot be written" in said
    assert "as its owner" in said


# The virtual environment that is there


@pytest.fixture
def environment(project, monkeypatch):
    monkeypatch.setattr(places, "VENV", project.venv)
    return project.venv


def test_a_whole_environment_is_kept(environment):
    script(environment / "bin" / "workbook", f"#!{environment}/bin/python\n")
    assert venv.fault_of(environment) == ""


def test_an_environment_in_a_moved_folder_is_made_anew(environment):
    script(environment / "bin" / "workbook", "#!/old/place/.venv/bin/python\n")
    assert "moved or copied" in venv.fault_of(environment)


def test_an_environment_whose_interpreter_is_gone_is_made_anew(environment):
    (environment / "bin" / "python").unlink()
    (environment / "bin" / "python").symlink_to("/no/such/python3.11")
    assert venv.fault_of(environment) == "its Python is gone"


def test_an_environment_of_an_unsupported_python_is_made_anew(environment):
    script(environment / "bin" / "python", "#!/bin/sh\necho 3 13\n")
    assert venv.fault_of(environment) == "it is of Python 3.13"


def test_an_environment_without_pip_is_made_anew(environment):
    script(environment / "bin" / "python", "#!/bin/sh\necho 'No module named pip' >&2; exit 1\n")
    assert "no pip" in venv.fault_of(environment)


def test_making_anew_says_why(environment, monkeypatch):
    calls = []
    monkeypatch.setattr(venv, "call", lambda args, *rest: calls.append(args) or "")
    script(environment / "bin" / "python", "#!/bin/sh\necho 3 10\n")
    assert venv.make_venv() == "made anew: it is of Python 3.10"
    assert calls[0][1:3] == ["-m", "venv"]
    assert not environment.exists()


def test_settings_that_send_packages_elsewhere_do_not_reach_pip(monkeypatch):
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    monkeypatch.setenv("PIP_TARGET", "/elsewhere")
    monkeypatch.setenv("PIP_USER", "1")
    env = venv.clean_environment()
    assert "PYTHONHOME" not in env
    assert "PIP_TARGET" not in env
    assert env["PIP_USER"] == "0"


# make

needs_make = pytest.mark.skipif(not shutil.which("make"), reason="no make on this machine")


def make(project, *args: str) -> subprocess.CompletedProcess[str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(["make", *args], cwd=project.root, env=plain, capture_output=True, text=True, timeout=60)


@needs_make
@pytest.mark.parametrize(
    ("python", "says"), [("/no/such/python", "PYTHON=/no/such/python cannot be run"), ("", "No Python 3.11 or 3.12")]
)
def test_make_says_what_is_wrong_with_the_named_python(project, python, says):
    done = make(project, f"PYTHON={python}", "setup")
    assert done.returncode == 2
    assert says in done.stderr
    assert "make PYTHON=/path/to/python3.12" in done.stderr


@needs_make
def test_make_sets_up_again_after_pyproject_changed_or_the_folder_moved_and_not_otherwise(project):
    fake = script(project.root / "my python", '#!/bin/sh\necho run >> runs.log\nfor last; do :; done\ntouch "$last"\n')
    script(project.venv / "bin" / "workbook", f"#!{project.venv}/bin/python\n")

    def runs() -> int:
        done = make(project, f"PYTHON={fake}", "setup")
        assert done.returncode == 0, done.stderr
        return len((project.root / "runs.log").read_text().splitlines())

    assert [runs(), runs()] == [1, 1]
    soon = time.time() + 5
    os.utime(project.root / "pyproject.toml", (soon, soon))
    assert runs() == 2
    os.utime(project.root / "pyproject.toml", (1, 1))
    script(project.venv / "bin" / "workbook", "#!/old/place/.venv/bin/python\n")
    assert runs() == 3
