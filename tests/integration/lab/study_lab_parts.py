"""`workbook lab` as a reader starts it, a small notebook cut out of question 1, and the machine's Chromium."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[3]
PERSON = "reader of this test"
SMALL = "cut_from_q1.ipynb"


def cut_from_question_1() -> nbformat.NotebookNode:
    """The real cells of its opening, section 1, the explorer of 2.5 and exercise 8.1: seconds to run, no engine."""
    whole = nbformat.read(ROOT / "notebooks" / "q1_serve_an_llm.ipynb", as_version=4)
    sources = [cell.source for cell in whole.cells]

    def at(words: str) -> int:
        return next(number for number, source in enumerate(sources) if words in source)

    explorer = at("Move the assumptions yourself")
    chosen = [
        *range(at("## 2. Size it")),
        explorer,
        explorer + 1,
        *range(at("## 8. Exercises"), at("### 8.2 ")),
    ]
    whole.cells = [whole.cells[number] for number in chosen]
    return whole


@contextlib.contextmanager
def started(project: Path, home: Path) -> Iterator[str]:
    """The address that the command prints; the server ends with the block, by Ctrl-C.

    home: where layout, progress and everything of Jupyter's is kept, instead of in the home of who runs the test.
    """
    environment = {
        **os.environ,
        "WORKBOOK_ROOT": str(project),
        "WORKBOOK_PERSON": PERSON,
        "WORKBOOK_PROGRESS": str(home / "progress.sqlite3"),
        "XDG_STATE_HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        **{f"JUPYTER_{name}_DIR": str(home / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")},
    }
    command = [sys.executable, "-m", "workbook.cli", "lab", "--no-browser"]
    process = subprocess.Popen(command, env=environment, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    watch = threading.Timer(120, process.kill)  # a server that says nothing must not hold the tests
    watch.start()
    try:
        said = b""
        assert process.stdout is not None
        for line in iter(process.stdout.readline, b""):
            said += line
            if b"Its log" in line:
                break
        watch.cancel()
        found = re.search(r"http://127\.0\.0\.1:\d+/\S+", said.decode())
        assert found, said.decode()
        yield found[0]
    finally:
        watch.cancel()
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until(true, what, timeout=40.0):
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if true():
            return
        time.sleep(0.2)
    pytest.fail(f"did not happen: {what}")


def run_all(page, shows):
    """Run All of the notebook in front. It does nothing while the kernel starts, so: again until `shows` is there."""
    page.get_by_text("| Idle").wait_for(timeout=90_000)
    for _ in range(4):
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        try:
            shows.first.wait_for(timeout=30_000)
            return
        except Exception:
            page.keyboard.press("Escape")
    pytest.fail("the notebook did not run")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the notebooks, with the small one beside their folder."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    nbformat.write(cut_from_question_1(), folder / SMALL)
    return folder


@pytest.fixture(scope="module")
def address(project, home, browser):
    with started(project, home) as found:
        yield found


@pytest.fixture
def page(browser):
    """A tab of 1440 x 1000 that knows which errors its console showed: page.said."""
    tab = browser.new_context(viewport={"width": 1440, "height": 1000}).new_page()
    tab.said = []
    tab.on("console", lambda message: message.type == "error" and tab.said.append(message.text))
    tab.on("pageerror", lambda error: tab.said.append(str(error)))
    yield tab
    tab.context.close()
