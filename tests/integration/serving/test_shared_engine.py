"""The shared engine with the real vLLM behind it."""

from __future__ import annotations

import dataclasses

import openai
import psutil
import pytest

from reference.serving.engine import shared_engine, status
from reference.serving.engine import state as files

pytestmark = pytest.mark.engine


@pytest.fixture
def ours(engine):
    if not engine.ours:
        pytest.skip("WORKBOOK_ENGINE_URL names somebody else's engine")
    return engine


def ask(engine, text: str, **options) -> openai.types.chat.ChatCompletion:
    options = {"max_tokens": 8, "temperature": 0, **options}
    return engine.client().chat.completions.create(
        model=engine.model, messages=[{"role": "user", "content": text}], **options
    )


def test_engine_generates_and_counts_tokens(engine):
    before = engine.metrics()
    answer = ask(engine, "Say something.", extra_body={"ignore_eos": True})
    assert answer.usage.completion_tokens == 8
    after = engine.metrics()
    assert after["vllm:generation_tokens_total"] - before["vllm:generation_tokens_total"] >= 8


def test_streamed_text_equals_the_whole_text(engine):
    whole = ask(engine, "Name a colour.").choices[0].message.content
    parts = engine.client().chat.completions.create(
        model=engine.model, messages=[{"role": "user", "content": "Name a colour."}],
        max_tokens=8, temperature=0, stream=True,
    )  # fmt: skip
    assert "".join(p.choices[0].delta.content or "" for p in parts if p.choices) == whole


def test_key_is_required(ours):
    stranger = dataclasses.replace(ours, api_key="guessed")
    with pytest.raises(openai.AuthenticationError):
        ask(stranger, "hello")


def test_server_listens_on_loopback_only(ours):
    state = files.read_state()
    server = psutil.Process(state.server_pid)
    family = {server.pid, *(child.pid for child in server.children(recursive=True))}
    listening = [c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN and c.pid in family]
    assert any(c.laddr.port == state.port for c in listening)
    assert {c.laddr.ip for c in listening} <= {"127.0.0.1", "::1"}


def test_attaching_again_starts_nothing(ours):
    pid = status().pid
    assert shared_engine(progress=None) == ours
    assert status().pid == pid


def test_prompt_that_is_too_long_is_refused_by_the_engine(engine):
    with pytest.raises(openai.BadRequestError, match="maximum context length"):
        ask(engine, "word " * (engine.max_model_len + 100))
