"""JupyterLab on a folder of its own, and the machine's Chromium."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = ROOT / "tests" / "unit" / "interview"
TOKEN = "of-this-test-only"

sys.path.insert(0, str(SAMPLES))


@pytest.fixture
def interviews(tmp_path, monkeypatch):
    """Where interviews are kept during the test."""
    folder = tmp_path / "interviews"
    monkeypatch.setenv("WORKBOOK_INTERVIEWS", str(folder))
    return folder


def notebook(*cells: str) -> str:
    made = [
        {
            "cell_type": "code",
            "id": f"c{number}",
            "metadata": {},
            "source": cell,
            "outputs": [],
            "execution_count": None,
        }
        for number, cell in enumerate(cells)
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return json.dumps({"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture
def lab(tmp_path, interviews):
    """(URL, folder) of a running JupyterLab that serves one folder, on this machine, behind a token."""
    from workbook.commands.lab import choose_port, lab_arguments, lab_environment

    folder = tmp_path / "lab"
    (folder / "notebooks").mkdir(parents=True)
    port = choose_port(None, first=18_800 + os.getpid() % 500)
    environment = lab_environment(
        {
            **os.environ,
            "JUPYTER_TOKEN": TOKEN,
            "WORKBOOK_INTERVIEWS": str(interviews),
            "WORKBOOK_PROGRESS": "off",
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(SAMPLES)]),
            **{f"JUPYTER_{name}_DIR": str(tmp_path / name) for name in ("CONFIG", "DATA", "RUNTIME")},
            "JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "settings"),
        },
        tmp_path,
    )
    with (tmp_path / "lab.log").open("wb") as out:
        process = subprocess.Popen(
            lab_arguments(folder, port, True, tmp_path), env=environment, cwd=folder, stdout=out, stderr=out
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_up(url, process, tmp_path / f"jupyterlab-{port}.log")
        yield url, folder
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait_until_up(url: str, process: subprocess.Popen, log: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(f"{url}/api?token={TOKEN}", timeout=2).close()
            return
        except OSError:
            time.sleep(0.3)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")


@pytest.fixture
def page(browser):
    """A tab of 1280 x 1000."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    yield context.new_page()
    context.close()
