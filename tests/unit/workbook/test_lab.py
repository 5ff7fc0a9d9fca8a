from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from workbook.commands import lab
from workbook.errors import ENVIRONMENT, WorkbookError
from workbook.lab import server, words, workspace


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
    args = lab.lab_arguments(tmp_path, 8888, True, tmp_path)
    assert "--ServerApp.ip=127.0.0.1" in args
    assert "--ServerApp.port_retries=0" in args
    assert [arg for arg in args if "token" in arg or "password" in arg] == []


def test_lab_opens_its_workspace_or_the_folder_without_an_index(tmp_path):
    assert "--LabApp.default_url=/lab/tree/notebooks" in lab.lab_arguments(tmp_path, 8888, False, tmp_path)
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "index.ipynb").write_text("{}")
    assert "--LabApp.default_url=/lab/workspaces/workbook" in lab.lab_arguments(tmp_path, 8888, False, tmp_path)


def test_lab_finds_this_venv_s_commands_and_keeps_the_reader_s_configuration(tmp_path):
    mine = {"PATH": "/usr/bin", "JUPYTER_CONFIG_PATH": "/etc/mine", "HOME": "/home/x", "JUPYTERLAB_SETTINGS_DIR": "/s"}
    environment = lab.lab_environment(mine, tmp_path)
    assert environment["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)
    assert environment["JUPYTER_CONFIG_PATH"].split(os.pathsep)[1] == "/etc/mine"
    assert (environment["HOME"], environment["JUPYTERLAB_SETTINGS_DIR"]) == ("/home/x", "/s")


def test_the_workspaces_are_not_the_reader_s_own(tmp_path):
    environment = lab.lab_environment({"JUPYTERLAB_WORKSPACES_DIR": "/home/x/mine"}, tmp_path)
    assert Path(environment["JUPYTERLAB_WORKSPACES_DIR"]) == workspace.layout_file(tmp_path).parent


def test_the_news_pop_up_is_switched_off(tmp_path):
    config = Path(lab.lab_environment({}, tmp_path)["JUPYTER_CONFIG_PATH"]) / "labconfig" / "page_config.json"
    assert json.loads(config.read_text())["disabledExtensions"] == {
        "@jupyterlab/apputils-extension:announcements": True
    }


def test_the_layout_opens_the_index_beside_its_contents(tmp_path):
    """That JupyterLab finds it is tested with a browser, in tests/integration/lab."""
    found = json.loads(workspace.prepare(tmp_path).read_text())["data"]
    layout = found["layout-restorer:data"]
    assert layout["main"]["current"] == "notebook:notebooks/index.ipynb"
    assert layout["left"]["current"] in layout["left"]["widgets"]
    assert "toc" in layout["left"]["current"]
    assert found["file-browser-filebrowser:cwd"] == {"path": "notebooks"}


def test_a_changed_layout_survives_the_next_start_and_reset_puts_the_shipped_one_back(tmp_path):
    file = workspace.prepare(tmp_path)
    mine = json.loads(file.read_text()) | {"data": {"mine": {}}}
    file.write_text(json.dumps(mine))
    assert json.loads(workspace.prepare(tmp_path).read_text()) == mine
    assert workspace.prepare(tmp_path, reset=True).read_text() == workspace.SHIPPED.read_text()


@pytest.mark.parametrize("damaged", ["", "{", "[]", '{"data": {}}', '{"data": [], "metadata": {"id": "workbook"}}'])
def test_a_damaged_layout_is_replaced(damaged, tmp_path):
    file = workspace.prepare(tmp_path)
    file.write_text(damaged)
    assert workspace.prepare(tmp_path).read_text() == workspace.SHIPPED.read_text()


def test_a_state_folder_that_cannot_be_written_is_named_with_the_mend(tmp_path):
    (tmp_path / "state").write_text("a file where a folder belongs")
    with pytest.raises(WorkbookError, match="state") as caught:
        workspace.prepare(tmp_path / "state")
    assert "XDG_STATE_HOME" in caught.value.mend


def test_a_missing_jupyterlab_is_named_with_the_mend(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(WorkbookError, match="JupyterLab is not installed") as caught:
        lab.require_jupyterlab()
    assert "make setup" in caught.value.mend


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({}, False),
        ({"DISPLAY": ":0"}, True),
        ({"BROWSER": "editor-over-ssh"}, True),
        ({"DISPLAY": ":0", "BROWSER": "none-of-these"}, False),
    ],
)
def test_a_browser_needs_a_display_or_a_word_of_the_reader_s(environment, found, monkeypatch):
    def get(name):
        if name == "none-of-these":
            raise words.webbrowser.Error("no such browser")

    monkeypatch.setattr(words.webbrowser, "get", get)
    monkeypatch.setattr(words.sys, "platform", "linux")
    assert words.has_browser(environment) is found


def test_on_a_server_the_ssh_line_is_printed_with_the_host_as_the_reader_reached_it(tmp_path):
    address = "http://127.0.0.1:8901/lab?token=t"
    said = words.greeting(address, tmp_path / "log", False, {"SSH_CONNECTION": "10.0.0.5 50000 192.0.2.7 2222"})
    assert address in said
    assert "ssh -N -p 2222 -L 8901:127.0.0.1:8901 " in said
    assert "@192.0.2.7\n" in said
    assert f"-L 8901:127.0.0.1:8901 {words._user()}@{socket.gethostname()}" in words.greeting(
        address, tmp_path, False, {}
    )


def test_with_a_browser_nothing_is_said_of_ssh(tmp_path):
    said = words.greeting("http://127.0.0.1:8901/lab", tmp_path / "log", True, {"DISPLAY": ":0"})
    assert "tab opens" in said
    assert "ssh" not in said


def start(arguments, tmp_path, **more):
    """`workbook lab ...` as a reader starts it, with a state folder of this test's."""
    environment = os.environ | {
        "XDG_STATE_HOME": str(tmp_path),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
        **more,
    }
    environment.pop("DISPLAY", None)
    args = [sys.executable, "-m", "workbook.cli", "lab", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(args, env=environment, stdout=pipe, stderr=pipe, stdin=subprocess.DEVNULL, cwd="/")


def iter_until(stream, word):
    """The lines up to the one that holds the word; all of them if none does."""
    for line in iter(stream.readline, b""):
        yield line.decode()
        if word.encode() in line:
            return


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "more", "said"),
    [
        (["--port", "TAKEN"], {}, ["is taken", "name another --port"]),
        ([], {"WORKBOOK_ROOT": "/nowhere"}, ["no notebooks/", "point it at the project folder"]),
        ([], {"XDG_STATE_HOME": "/dev/null"}, ["cannot be kept in /dev/null", "XDG_STATE_HOME"]),
    ],
)
def test_what_stops_the_command_is_said_with_the_next_step(arguments, more, said, taken, tmp_path):
    arguments = [str(taken) if word == "TAKEN" else word for word in arguments]
    with start(arguments, tmp_path, **more) as command:
        try:
            out, err = (stream.decode() for stream in command.communicate(timeout=60))
        finally:
            command.kill()
    assert command.returncode == ENVIRONMENT
    assert out == ""
    assert [word for word in said if word not in err] == []
    assert "Traceback" not in err


class Loop:
    """Runs what was added in order, as Jupyter's loop does; Jupyter itself adds the call that listens."""

    def __init__(self, port):
        self.calls = [lambda: self.listen(port)]
        self.add_callback = self.calls.append

    def listen(self, port):
        self.listener = socket.socket()
        try:
            self.listener.bind(("127.0.0.1", port))
        except OSError:
            raise SystemExit(1) from None  # as Jupyter does
        self.listener.listen()


def lab_server(monkeypatch, port, terminal):
    """`workbook.lab.server` over a JupyterLab whose loop ends after its first turn."""
    loop = Loop(port)
    app = SimpleNamespace(
        public_url="http://127.0.0.1/lab?token=t", open_browser=False, io_loop=loop, start_app=lambda: None,
        start_ioloop=lambda: [call() for call in loop.calls],
    )  # fmt: skip
    labapp = SimpleNamespace(LabApp=SimpleNamespace(initialize_server=lambda argv: app))
    monkeypatch.setitem(sys.modules, "jupyterlab.labapp", labapp)
    monkeypatch.setattr(server, "turned_to", lambda log: terminal)
    monkeypatch.setattr(server, "stop_at_ctrl_c", lambda app: None)
    return loop


def test_the_address_is_told_once_somebody_listens_there(monkeypatch, tmp_path):
    class Terminal(io.StringIO):
        def write(self, text):
            if "token=t" in text:
                with socket.create_connection(loop.listener.getsockname(), timeout=5):
                    pass
            return super().write(text)

    terminal = Terminal()
    loop = lab_server(monkeypatch, 0, terminal)
    assert server.main([str(tmp_path / "log")]) == 0
    loop.listener.close()
    assert "token=t" in terminal.getvalue()
    assert terminal.getvalue().endswith("JupyterLab has stopped.\n")


def test_a_port_that_is_lost_at_the_last_moment_is_said_and_no_address_is_told(monkeypatch, tmp_path, taken):
    terminal = io.StringIO()
    lab_server(monkeypatch, taken, terminal)
    assert server.main([str(tmp_path / "log")]) == ENVIRONMENT
    assert "JupyterLab did not start" in terminal.getvalue()
    assert "token=t" not in terminal.getvalue()


@pytest.mark.slow
def test_lab_answers_on_loopback_asks_for_its_token_and_keeps_the_terminal_clean(sized, tmp_path):
    import httpx

    port = lab.choose_port(None, first=19_400 + os.getpid() % 500)  # not that of another test's process
    with start(["--no-browser", "--port", str(port)], tmp_path, WORKBOOK_ROOT=str(sized.root)) as server:
        try:
            said = list(iter_until(server.stdout, "Ctrl-C"))
            assert "Ctrl-C" in said[-1], [said, server.poll(), [one.read_text() for one in tmp_path.rglob("*.log")]]
            address = said[1].strip()
            assert httpx.get(f"http://127.0.0.1:{port}/api/contents", timeout=30).status_code == 403
            [state] = (tmp_path / "runtime").glob("jpserver-*.json")
            record = json.loads(state.read_text())
            assert record["root_dir"] == str(sized.root)
            assert address.endswith(f"?token={record['token']}")
            listing = httpx.get(f"http://127.0.0.1:{port}/api/contents/notebooks?token={record['token']}", timeout=30)
            assert {row["name"] for row in listing.json()["content"]} >= {"q1_size.ipynb", "q1_size.py"}
            layout = f"http://127.0.0.1:{port}/lab/api/workspaces/{workspace.NAME}?token={record['token']}"
            shipped = httpx.get(layout, timeout=30).json()
            changed = shipped | {"data": {"mine": 1}}
            assert httpx.put(layout, json=changed, timeout=30).status_code == 204
        finally:
            server.send_signal(signal.SIGINT)
            try:
                rest, err = (stream.decode() for stream in server.communicate(timeout=30))
            finally:
                server.kill()
    assert err == ""
    assert rest == "JupyterLab has stopped.\n"
    assert len(said) < 9, "more than what to do"
    assert any("ssh -N" in line for line in said)
    assert server.returncode == 0
    state = tmp_path / "ai-design-workbook" / "lab"
    assert shipped["data"] == json.loads(workspace.SHIPPED.read_text())["data"], "JupyterLab found the layout"
    assert json.loads(workspace.prepare(state).read_text())["data"] == {"mine": 1}, "and keeps changes where it was"
    [log] = state.glob("*.log")
    assert str(log) in said[-1]
    assert "403 GET /api/contents" in log.read_text()
    assert log.stat().st_mode & 0o077 == 0, "the log holds the token"


@pytest.mark.slow
def test_a_jupyter_that_does_not_start_shows_the_end_of_its_log(taken, tmp_path):
    """As when somebody takes the port between the command's look and the start."""
    args = lab.lab_arguments(tmp_path, taken, True, tmp_path)
    done = subprocess.run(args, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == ENVIRONMENT
    assert "JupyterLab did not start" in done.stdout
    assert f"port {taken} is not available" in done.stdout
    assert str(tmp_path / f"jupyterlab-{taken}.log") in done.stdout
    assert done.stderr == ""
