from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from workbook import cli as console_script
from workbook.errors import WorkbookError

HEAVY = (
    "papermill",
    "nbformat",
    "jupytext",
    "nbconvert",
    "pint",
    "numpy",
    "openai",
    "redis",
    "torch",
    "vllm",
    "psutil",
)


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from workbook.cli import app\n"
        "try: app(['--help'])\nexcept SystemExit: pass\n"
        f"print('loaded', sorted(set(sys.modules) & set({HEAVY!r})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "loaded []"


@pytest.mark.slow
def test_every_command_has_a_line_of_help(cli):
    text = cli("--help").stdout
    for name in console_script.COMMANDS:
        assert f"│ {name} " in text
        assert cli(name, "--help").exit_code == 0


def test_every_command_module_is_registered():
    from pathlib import Path

    import workbook.commands

    found = {p.stem for p in Path(workbook.commands.__file__).parent.glob("*.py")} - {"__init__"}
    files = {stem.replace("_", "-") for stem in found}
    assert files == set(console_script.COMMANDS) | set(console_script.GROUPS)


@pytest.fixture
def failing(monkeypatch, cli):
    """The console script with a command `pair` that raises."""

    def call(error: BaseException, *options: str):
        def broken(*args: object) -> None:
            raise error

        monkeypatch.setattr("workbook.pairing.pairs", broken)
        return cli(*options, "pair")

    return call


def test_a_failure_is_one_short_message_without_a_traceback(failing, project):
    result = failing(WorkbookError("the port is taken", "name another"))
    assert result.exit_code == 3
    assert result.stderr == "the port is taken\n  name another\n"


def test_a_failure_of_reference_keeps_its_own_words(failing, project):
    from reference.serving.engine import EngineError

    result = failing(EngineError("too little memory: close something"))
    assert (result.exit_code, result.stderr) == (3, "too little memory: close something\n")


def test_a_fault_of_the_workbook_says_so_and_how_to_see_more(failing, project):
    result = failing(ZeroDivisionError("division by zero"))
    assert result.exit_code == 70
    assert "a fault of the workbook: ZeroDivisionError" in result.stderr
    assert "--debug" in result.stderr
    assert "Traceback" not in result.stderr


def test_debug_shows_the_traceback(failing, project):
    result = failing(ZeroDivisionError("division by zero"), "--debug")
    assert isinstance(result.exception, ZeroDivisionError)


def test_an_interrupt_is_no_fault(failing, project):
    result = failing(KeyboardInterrupt())
    assert (result.exit_code, result.stderr) == (130, "interrupted\n")


@pytest.mark.parametrize("args", [("bogus",), ("run", "--bogus"), ("run", "--timeout", "soon")])
def test_a_wrong_command_line_is_a_usage_error(cli, args):
    result = cli(*args)
    assert result.exit_code == 2
    assert "Traceback" not in result.stderr


def test_a_project_that_is_not_there_is_named(cli, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBOOK_ROOT", str(tmp_path))
    result = cli("run")
    assert result.exit_code == 3
    assert f"WORKBOOK_ROOT is {tmp_path}" in result.stderr


@pytest.mark.notebook
def test_run_prints_lines_in_a_log_and_ends_with_the_index(sized, cli):
    result = cli("run", "q1", "-p", "requests=3")
    assert result.exit_code == 0
    assert "cell 3/3  Deep dive" in result.stdout
    assert result.stdout.strip().splitlines()[-1].endswith("index.html")


@pytest.mark.notebook
def test_run_names_the_failing_cell_and_the_executed_copy(project, cli):
    project.add("q1_x", "# %% [markdown]\n# # Costs\n# %%\n1 / 0\n")
    result = cli("run")
    assert result.exit_code == 1
    assert "code cell 1 (under 'Costs', `1 / 0`): ZeroDivisionError: division by zero" in result.stdout
    assert "q1_x.ipynb" in result.stdout.split("executed copy:")[1]


def test_progress_is_a_bar_on_a_terminal_and_ends_clean():
    from io import StringIO

    from rich.console import Console

    from workbook.runner.progress import ConsoleReporter

    screen = StringIO()
    with ConsoleReporter(Console(file=screen, force_terminal=True, width=100)) as reporter:
        reporter.notebook("q1_x", 1, 2, 3)
        reporter.cell(2, 3, "Costs [in $]")
        reporter.bar.refresh()
    assert "Costs [in $]" in screen.getvalue()


@pytest.mark.slow
def test_claims_show_every_claim_as_a_row(cli):
    from reference.sizing.claims import claims

    result = cli("claims", "--question", "1")
    assert result.exit_code == 0, result.output
    for claim in claims(1):
        assert claim.id in result.stdout
        assert claim.evidence.badge in result.stdout
    assert {len(line) for line in result.stdout.splitlines() if line.startswith("│")} == {120}, "rows are cut"
    verdicts = [claim.verdict for claim in claims(1)]
    tally = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in ("holds", "does-not-hold", "depends"))
    assert result.stdout.strip().endswith(tally)


def test_serve_passes_the_port_to_the_engine(cli, monkeypatch):
    import os

    from reference.serving import engine

    seen = []
    monkeypatch.setenv("WORKBOOK_ENGINE_PORT", "")
    monkeypatch.setattr(engine, "serve_foreground", lambda: seen.append(os.environ["WORKBOOK_ENGINE_PORT"]) or 0)
    assert cli("serve", "--port", "8123").exit_code == 0
    assert seen == ["8123"]


def test_stop_stops_engine_and_redis_and_says_what_ran(cli, monkeypatch):
    from reference.serving import engine, redis_store

    monkeypatch.setattr(engine, "stop_shared", lambda: True)
    monkeypatch.setattr(redis_store, "stop_private", lambda: False)
    assert cli("stop").stdout == "engine: stopped\nredis: was not running\n"


def test_commands_are_modules_with_one_function():
    for name in console_script.COMMANDS:
        assert callable(importlib.import_module(f"workbook.commands.{name.replace('-', '_')}").command)
