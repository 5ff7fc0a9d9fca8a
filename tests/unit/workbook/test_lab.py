from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from workbook.commands import lab
from workbook.errors import WorkbookError


@pytest.fixture
def taken():
    """A loopback port that somebody listens on."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_taken_port_that_was_asked_for_is_refused(taken):
    with pytest.raises(WorkbookError, match=f"port {taken} is taken"):
        lab.choose_port(taken)


def test_without_a_wish_the_next_free_port_is_taken(taken):
    assert lab.choose_port(None, first=taken) > taken


def test_no_free_port_is_an_error(taken):
    with pytest.raises(WorkbookError, match="no free port"):
        lab.choose_port(None, first=taken, tries=1)


def test_lab_is_bound_to_loopback_and_keeps_jupyter_s_token(tmp_path):
    args = lab.lab_arguments(tmp_path, 8888, no_browser=True)
    assert "--ServerApp.ip=127.0.0.1" in args
    assert "--ServerApp.port_retries=0" in args
    assert [arg for arg in args if "token" in arg or "password" in arg] == []


def test_lab_opens_the_index_notebook_or_the_folder_without_one(tmp_path):
    assert "--LabApp.default_url=/lab/tree/notebooks" in lab.lab_arguments(tmp_path, 8888, False)
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "index.ipynb").write_text("{}")
    assert "--LabApp.default_url=/lab/tree/notebooks/index.ipynb" in lab.lab_arguments(tmp_path, 8888, False)


def test_lab_finds_this_venv_s_commands_and_keeps_the_reader_s_configuration():
    environment = lab.lab_environment({"PATH": "/usr/bin", "JUPYTER_CONFIG_PATH": "/etc/mine", "HOME": "/home/x"})
    assert environment["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)
    assert environment["JUPYTER_CONFIG_PATH"].split(os.pathsep)[1] == "/etc/mine"
    assert environment["HOME"] == "/home/x"


def test_the_news_pop_up_is_switched_off():
    config = Path(lab.lab_environment({})["JUPYTER_CONFIG_PATH"]) / "labconfig" / "page_config.json"
    assert json.loads(config.read_text())["disabledExtensions"] == {
        "@jupyterlab/apputils-extension:announcements": True
    }


@pytest.mark.slow
def test_lab_answers_on_loopback_and_asks_for_its_token(sized, tmp_path):
    import httpx

    port = lab.choose_port(None, first=18888)
    environment = os.environ | {"WORKBOOK_ROOT": str(sized.root), "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime")}
    args = [sys.executable, "-m", "workbook.cli", "lab", "--no-browser", "--port", str(port)]
    with subprocess.Popen(args, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd="/") as server:
        try:
            answer = None
            for _ in range(240):
                try:
                    answer = httpx.get(f"http://127.0.0.1:{port}/api/contents", timeout=5)
                    break
                except httpx.TransportError:
                    assert server.poll() is None, server.stderr.read().decode()
                    time.sleep(0.25)
            assert answer is not None
            assert answer.status_code == 403
            [state] = (tmp_path / "runtime").glob("jpserver-*.json")
            record = json.loads(state.read_text())
            assert record["root_dir"] == str(sized.root)
            listing = httpx.get(f"http://127.0.0.1:{port}/api/contents/notebooks?token={record['token']}", timeout=30)
            assert {row["name"] for row in listing.json()["content"]} >= {"q1_size.ipynb", "q1_size.py"}
        finally:
            server.terminate()
            server.wait(20)
