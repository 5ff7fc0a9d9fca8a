"""Notebooks executed by papermill with a real kernel; each takes a second or two."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from workbook.errors import UsageError, WorkbookError
from workbook.runner import engine as runner_engine
from workbook.runner import listing
from workbook.runner.run import plan, run_steps

pytestmark = pytest.mark.notebook


def run_all(project, tmp_path: Path, **options):
    return run_steps(plan(project.notebooks, **options), options.get("profile", "ci"), tmp_path / "runs")


def test_a_sound_notebook_leaves_values_page_and_index(sized, tmp_path):
    before = {path.name: path.read_bytes() for path in sized.notebooks.iterdir()}
    run = run_all(sized, tmp_path, parameters=["requests=40"])

    assert run.status == "passed"
    [outcome] = run.notebooks
    assert {value.name: value.value for value in outcome.values} == {"requests": 40, "total": 20.0}
    assert outcome.parameters == {"profile": "ci", "requests": 40}
    assert outcome.executed.parent == run.folder
    assert any(cell.get("outputs") for cell in nbformat.read(outcome.executed, 4).cells)
    values = json.loads((run.folder / "values.json").read_text())
    assert values["q1_size"]["requests"] == {"value": 40, "unit": "request", "evidence": "DERIVED"}
    assert json.loads((run.folder / "run.json").read_text()) == run.to_dict()
    index = (run.folder / "index.html").read_text()
    assert 'href="q1_size.html"' in index
    assert (run.folder / "q1_size.html").exists()
    assert (tmp_path / "runs" / "latest").resolve() == run.folder
    printed = [log.read_text(errors="replace") for log in run.folder.glob("*.kernel.log")]
    # ipykernel says on a busy machine that a flush timed out, and libzmq, now and then, that an ending kernel's wake-up
    # pipe is gone; anything else beside the cells is a fault.
    known = r"IOStream\.flush timed out|Assertion failed: pfd\.revents & POLLIN \(src/signaler\.cpp:\d+\)"
    assert not re.sub(known, "", "".join(printed)).strip(), printed
    assert {path.name: path.read_bytes() for path in sized.notebooks.iterdir()} == before


def test_a_failing_cell_is_named_and_the_other_notebooks_still_run(sized, tmp_path):
    sized.add(
        "q0_fails", "# %%\na = 1\n# %% [markdown]\n# ## Costs\n# %%\n# why\nprice = 1 / 0\n# %%\nprint('never')\n"
    )
    run = run_all(sized, tmp_path)

    outcomes = {outcome.name: outcome for outcome in run.notebooks}
    assert run.status == "failed"
    assert outcomes["q1_size"].status == "passed"
    failure = outcomes["q0_fails"].failure
    assert str(failure) == "code cell 2 (under 'Costs', `price = 1 / 0`): ZeroDivisionError: division by zero"
    assert outcomes["q0_fails"].executed.parent == run.folder
    assert "ZeroDivisionError" in (run.folder / "q0_fails.html").read_text()
    assert "division by zero" in (run.folder / "index.html").read_text()


def test_an_injected_parameters_cell_does_not_shift_the_cell_number(project, tmp_path):
    project.add("q1_x", '# %% tags=["parameters"]\na = 1\n# %%\nassert a == 1, a\n')
    [outcome] = run_all(project, tmp_path, parameters=["a=2"]).notebooks
    assert (outcome.failure.cell, outcome.failure.error) == (2, "AssertionError")
    assert outcome.code_cells == 2


def test_a_cell_over_its_time_out_is_named_and_its_processes_end(project, tmp_path):
    pid_file = tmp_path / "pid"
    project.add(
        "q1_endless",
        "# %%\nimport subprocess\np = subprocess.Popen(['sleep', '600'])\n"
        f"open({str(pid_file)!r}, 'w').write(str(p.pid))\n"
        "# %%\nwhile True:\n    pass\n",
    )
    [outcome] = run_all(project, tmp_path, cell_timeout=6).notebooks  # the first cell is given as much
    assert (outcome.failure.kind, outcome.failure.cell) == ("timeout", 2)
    assert "`while True:`): TimeoutError: still running after 6 s" in str(outcome.failure)
    assert ends(int(pid_file.read_text()))


def test_a_kernel_that_dies_is_reported_with_its_cell_and_leaves_no_process(project, tmp_path):
    pid_file = tmp_path / "pid"
    project.add(
        "q1_dies",
        "# %%\nimport os, signal, subprocess\np = subprocess.Popen(['sleep', '600'])\n"
        f"open({str(pid_file)!r}, 'w').write(str(p.pid))\nos.kill(os.getpid(), signal.SIGKILL)\n",
    )
    [outcome] = run_all(project, tmp_path).notebooks
    assert ends(int(pid_file.read_text()))
    assert (outcome.failure.kind, outcome.failure.cell) == ("kernel", 1)
    assert "the kernel died" in outcome.failure.message


def test_what_a_cell_shows_is_waited_for_though_its_reply_is_there_first(project, tmp_path):
    project.add(
        "q1_late",
        "# %%\nimport sys, time\nfrom workbook.values import record\n"
        "sys.stdout.flush_timeout = sys.stderr.flush_timeout = 0.01\n"
        "get_ipython().kernel.iopub_thread.schedule(lambda: time.sleep(5))\nrecord('late', 1)\n",
    )
    [outcome] = run_all(project, tmp_path).notebooks
    assert [value.name for value in outcome.values] == ["late"]


def test_a_notebook_that_records_too_few_values_fails(project, tmp_path):
    project.add("q1_silent", "# %%\nprint(1)\n", min_values=1)
    [outcome] = run_all(project, tmp_path).notebooks
    assert "recorded 0 values, notebooks.toml expects 1 or more" in str(outcome.failure)


def test_a_value_recorded_twice_fails_the_notebook(project, tmp_path):
    project.add("q1_twice", "# %%\nfrom workbook.values import record\nrecord('a', 1)\n# %%\nrecord('a', 2)\n")
    [outcome] = run_all(project, tmp_path).notebooks
    assert "'a' is recorded in code cell 1 and again in 2" in str(outcome.failure)


def test_a_value_that_is_not_finite_fails_in_its_cell(project, tmp_path):
    project.add("q1_nan", "# %%\nfrom workbook.values import record\nrecord('ttft', float('nan'))\n")
    [outcome] = run_all(project, tmp_path).notebooks
    assert outcome.failure.cell == 1
    assert "ttft is nan" in outcome.failure.message


def test_the_kernel_is_this_interpreter_whatever_is_installed_and_keeps_its_bytecode(project, tmp_path, monkeypatch):
    decoy = tmp_path / "jupyter" / "kernels" / "python3"
    decoy.mkdir(parents=True)
    spec = {"argv": ["/bin/false", "{connection_file}"], "display_name": "decoy", "language": "python"}
    (decoy / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    source = "# %%\nimport os, sys\nfrom workbook.values import record\nrecord('python', sys.executable)\n"
    project.add("q1_x", source + "record('folder', os.getcwd())\nrecord('bytecode', not sys.dont_write_bytecode)\n")
    [outcome] = run_all(project, tmp_path).notebooks
    values = {value.name: value.value for value in outcome.values}
    assert values == {"python": sys.executable, "folder": str(project.notebooks), "bytecode": True}


def test_the_kernel_s_channels_are_files_of_this_user_and_are_removed(project, tmp_path):
    project.add(
        "q1_x",
        "# %%\nimport json, os, sys\nfrom workbook.values import record\n"
        "file = sys.argv[sys.argv.index('-f') + 1]\n"
        "record('transport', json.load(open(file))['transport'])\n"
        "record('mode', oct(os.stat(os.path.dirname(file)).st_mode & 0o777))\n"
        "record('folder', os.path.dirname(file))\n",
    )
    [outcome] = run_all(project, tmp_path).notebooks
    values = {value.name: value.value for value in outcome.values}
    assert (values["transport"], values["mode"]) == ("ipc", "0o700")
    assert not Path(values["folder"]).exists()


def test_nothing_warns_on_a_sound_run(sized, tmp_path):
    """ipykernel's warning about TCP, papermill's and jupyter's log lines stay away from a reader's terminal."""
    code = (
        "import sys; from pathlib import Path; from workbook.runner.run import plan, run_steps\n"
        "print(run_steps(plan(Path(sys.argv[1])), 'ci', Path(sys.argv[2])).status)"
    )
    args = [sys.executable, "-c", code, str(sized.notebooks), str(tmp_path / "runs")]
    done = subprocess.run(args, capture_output=True, text=True, timeout=120)
    assert (done.stdout.strip(), done.stderr) == ("passed", "")


def test_a_kernel_that_does_not_start_is_tried_again(sized, tmp_path, monkeypatch):
    from workbook.runner import kernel

    attempts = []

    class Flaky(kernel.OwnInterpreter):
        def get_kernel_spec(self, kernel_name):
            attempts.append(kernel_name)
            spec = super().get_kernel_spec(kernel_name)
            if len(attempts) == 1:
                spec.argv = [sys.executable, "-c", "raise SystemExit(1)"]
            return spec

    monkeypatch.setattr(kernel, "OwnInterpreter", Flaky)
    run = run_all(sized, tmp_path)
    assert run.status == "passed"
    assert len(attempts) == 2


def test_a_kernel_that_never_starts_is_reported(sized, tmp_path, monkeypatch):
    from workbook.runner import kernel

    class Broken(kernel.OwnInterpreter):
        def get_kernel_spec(self, kernel_name):
            spec = super().get_kernel_spec(kernel_name)
            spec.argv = [sys.executable, "-c", "raise SystemExit('libzmq is missing')"]
            return spec

    monkeypatch.setattr(kernel, "OwnInterpreter", Broken)
    monkeypatch.setattr("workbook.runner.execute.START_ATTEMPTS", 2)
    [outcome] = run_all(sized, tmp_path).notebooks
    assert (outcome.failure.kind, outcome.failure.cell) == ("kernel", None)
    assert str(outcome.failure).endswith("(2 attempts); its last words: libzmq is missing")


def test_paths_with_braces_and_spaces_are_paths(tmp_path, project):
    project.add("q1_x", "# %%\nprint(1)\n")
    out = tmp_path / "my {runs}"
    assert run_steps(plan(project.notebooks), "ci", out).status == "passed"
    assert list(out.glob("*_ci/q1_x.ipynb"))


def test_two_runs_of_one_second_get_folders_of_their_own(tmp_path, project):
    project.add("q1_x", "# %%\nprint(1)\n")
    folders = {run_steps([], "ci", tmp_path / "runs").folder for _ in range(3)}
    assert len(folders) == 3


def test_an_out_that_is_a_file_is_refused(tmp_path, project):
    (tmp_path / "file").write_text("")
    with pytest.raises((UsageError, WorkbookError)):
        run_steps([], "ci", tmp_path / "file")


def test_an_interrupt_leaves_a_report_of_what_was_done(sized, tmp_path, monkeypatch):
    sized.add("q2_x", "# %%\nprint(1)\n")
    from workbook.runner import run as module

    real = module.run_step

    def interrupted(step, *rest):
        if step.notebook.name == "q2_x":
            raise KeyboardInterrupt
        return real(step, *rest)

    monkeypatch.setattr(module, "run_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_all(sized, tmp_path)
    record = json.loads((tmp_path / "runs" / "latest" / "run.json").read_text())
    assert [row["name"] for row in record["notebooks"]] == ["q1_size"]


class FakeEngine:
    """Stands for reference.serving.engine: counts starts and stops."""

    class EngineError(RuntimeError):
        pass

    class Status:
        def __init__(self, phase: str) -> None:
            self.phase = phase

    class Attached:
        ours = True

    def __init__(self, phase: str, fault: str = "") -> None:
        self.phase, self.fault, self.calls = phase, fault, []

    def status(self):
        return self.Status(self.phase)

    def shared_engine(self, progress):
        self.calls.append("start")
        if self.fault:
            raise self.EngineError(self.fault)
        return self.Attached()

    def stop_shared(self):
        self.calls.append("stop")


@pytest.fixture
def needing(project, monkeypatch):
    """Notebooks that need the engine, and a fake of it in a given phase."""
    import reference.serving

    project.add("q1_x", "# %%\nprint(1)\n", needs=["engine"])
    chosen = listing.load(project.notebooks)

    def make(phase: str, fault: str = "") -> tuple[list, FakeEngine]:
        fake = FakeEngine(phase, fault)
        monkeypatch.setitem(sys.modules, "reference.serving.engine", fake)
        monkeypatch.setattr(reference.serving, "engine", fake, raising=False)
        return chosen, fake

    return make


@pytest.mark.parametrize(
    ("phase", "calls"), [("stopped", ["start", "stop"]), ("ready", ["start"]), ("starting", ["start"])]
)
def test_the_engine_is_stopped_only_by_the_run_that_started_it(needing, phase, calls):
    chosen, fake = needing(phase)
    with runner_engine.engine_for(chosen, lambda line: None):
        assert fake.calls == ["start"]
    assert fake.calls == calls


def test_the_engine_is_stopped_after_a_run_that_broke(needing):
    chosen, fake = needing("stopped")
    with pytest.raises(KeyboardInterrupt), runner_engine.engine_for(chosen, lambda line: None):
        raise KeyboardInterrupt
    assert fake.calls == ["start", "stop"]


def test_notebooks_that_need_no_engine_start_none(needing, sized):
    _, fake = needing("stopped")
    chosen = [n for n in listing.load(sized.notebooks) if n.name == "q1_size"]
    with runner_engine.engine_for(chosen, lambda line: None):
        pass
    assert fake.calls == []


def test_an_engine_that_does_not_start_ends_the_run_with_its_reason(needing):
    chosen, _ = needing("stopped", "too little memory")
    reason = pytest.raises(WorkbookError, match="the engine does not start: too little memory")
    with reason, runner_engine.engine_for(chosen, lambda line: None):
        pytest.fail("the run must not begin")


def ends(pid: int) -> bool:
    """True once the process is gone; a signal may still be on its way."""
    import psutil

    for _ in range(100):
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.1)
    return False
