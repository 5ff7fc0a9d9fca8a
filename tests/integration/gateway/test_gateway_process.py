"""`python -m reference.serving.gateway`: starts, says what is wrong, and ends cleanly."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import openai
import pytest
from fake_engine import MODEL
from helpers import HELLO, free_port, wait_until

ROOT = Path(__file__).parents[3]


def environment(redis_server, model_dir, **more):
    base = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    return {
        **base,
        "GATEWAY_REDIS_URL": redis_server.url,
        "GATEWAY_MODEL_DIR": str(model_dir),
        "GATEWAY_GUARDRAILS": "false",
        **more,
    }


def module(name, *arguments, **options):
    command = [sys.executable, "-m", f"reference.serving.gateway{name}", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def answers(url):
    try:
        return httpx.get(url, timeout=1).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_key_made_on_the_command_line_opens_a_gateway_started_there(fake, redis_server, model_dir, number):
    env, port = environment(redis_server, model_dir), free_port()
    key, _ = module(".keys", "create", "--tenant", "acme", env=env).communicate(timeout=60)
    gateway = module("", "--port", str(port), "--engine-url", fake.base_url, env=env)
    try:
        assert wait_until(lambda: answers(f"http://127.0.0.1:{port}/readyz"), 60), gateway.poll()
        client = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key=key.strip(), max_retries=0)
        answer = client.chat.completions.create(model=MODEL, messages=HELLO)
        assert answer.choices[0].message.content == "Hello from the engine."
        with pytest.raises(openai.AuthenticationError):
            client.with_options(api_key="sk-wrong").models.list()
    finally:
        gateway.send_signal(number)
        _, log = gateway.communicate(timeout=20)
    assert gateway.returncode in {0, -signal.SIGTERM}
    assert "Traceback" not in log
    assert '"event": "request"' in log
    assert "hi there" not in log
    assert key.strip() not in log


def test_a_taken_port_is_said_in_one_line(fake, redis_server, model_dir):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        gateway = module("", "--port", str(port), env=environment(redis_server, model_dir))
        _, log = gateway.communicate(timeout=60)
    assert gateway.returncode == 1
    assert f"error: port {port}" in log
    assert "Traceback" not in log


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [("GATEWAY_MAX_INFLIGHT", "0", "GATEWAY_MAX_INFLIGHT"), ("GATEWAY_MODEL_DIR", "/nowhere", "GATEWAY_MODEL_DIR")],
)
def test_a_bad_setting_is_said_in_one_line(redis_server, model_dir, variable, value, said):
    gateway = module("", "--port", "0", env=environment(redis_server, model_dir, **{variable: value}))
    _, log = gateway.communicate(timeout=60)
    assert gateway.returncode == 1
    assert said in log
    assert "Traceback" not in log
