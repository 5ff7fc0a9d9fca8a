"""The small model's server: OpenAI's clients, the gateway's upstream and its monitor can all talk to it."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import openai
import pytest

from reference.serving.gateway.breaker import CircuitBreaker
from reference.serving.gateway.metrics import Metrics
from reference.serving.gateway.settings import Settings
from reference.serving.gateway.upstream import Delta, Finish, Upstream, Usage, engine_client, probe
from reference.serving.model_routing import small_model
from reference.serving.model_routing.questions import many_labels
from reference.serving.model_routing.sealed import RoutingError
from reference.serving.model_routing.small_model_app import MOST_BYTES
from reference.serving.model_routing.small_model_requests import last_user_text
from reference.serving.model_routing.small_model_server import main, small_model_server

MESSAGES = [{"role": "user", "content": "cancel my subscription"}]


def words(texts: Sequence[str], width: int = 256) -> Any:
    """Texts with like words get like vectors; no model needed."""
    rows = np.zeros((len(texts), width))
    for row, text in zip(rows, texts, strict=True):
        if text == "make it fail":
            raise RuntimeError("the embedder is out of order")
        for word in text.lower().split():
            row[zlib.crc32(word.encode()) % width] += 1
    return rows


@pytest.fixture(scope="module")
def model():
    texts, labels = many_labels(400)
    return small_model.train(words(texts), labels, "words")


@pytest.fixture(scope="module")
def server(model):
    with small_model_server(model, words) as running:
        yield running


def test_an_openai_client_gets_the_models_own_answer(server, model):
    said = server.client().chat.completions.create(model=server.model, messages=MESSAGES)
    assert said.choices[0].message.content == model.answer(words(["cancel my subscription"]))[0][0] == "cancel"
    assert said.choices[0].finish_reason == "stop"
    assert (said.usage.prompt_tokens, said.usage.completion_tokens, said.usage.total_tokens) == (3, 1, 4)
    assert [one.id for one in server.client().models.list()] == [server.model]


def test_a_stream_carries_the_same_answer_and_its_usage(server):
    stream = server.client().chat.completions.create(
        model=server.model, messages=MESSAGES, stream=True, stream_options={"include_usage": True}, n=2
    )
    texts, ends, usage = {}, {}, []
    for chunk in stream:
        usage += [chunk.usage] if chunk.usage else []
        for choice in chunk.choices:
            texts[choice.index] = texts.get(choice.index, "") + (choice.delta.content or "")
            ends[choice.index] = choice.finish_reason or ends.get(choice.index)
    assert texts == {0: "cancel", 1: "cancel"}
    assert ends == {0: "stop", 1: "stop"}
    assert [(one.prompt_tokens, one.completion_tokens) for one in usage] == [(3, 2)]


def test_log_probabilities_are_the_calibrated_ones(server, model):
    said = server.client().chat.completions.create(model=server.model, messages=MESSAGES, logprobs=True)
    (one,) = said.choices[0].logprobs.content
    sure = model.predict_proba(words(["cancel my subscription"])).max()
    assert math.exp(one.logprob) == pytest.approx(sure)
    assert sum(math.exp(top.logprob) for top in one.top_logprobs) == pytest.approx(1.0)


def test_only_the_last_message_of_the_user_is_answered(server):
    history = [
        {"role": "system", "content": "You sort messages."},
        {"role": "user", "content": "cancel my subscription"},
        {"role": "assistant", "content": "cancel"},
        {"role": "user", "content": [{"type": "text", "text": "reset my password please"}]},
    ]
    said = server.client().chat.completions.create(model=server.model, messages=history)
    assert said.choices[0].message.content == "account"


async def test_the_gateways_upstream_and_probe_understand_it(server):
    settings = Settings(engine_url=server.base_url, engine_api_key=server.api_key)
    async with engine_client(settings) as client:
        upstream = Upstream(client, settings, CircuitBreaker(3, 1.0), Metrics())
        body = {"model": server.model, "messages": MESSAGES, "stream": True, "stream_options": {"include_usage": True}}
        events = [event async for event in upstream.stream(body, "req-1")]
        seen = await probe(client, 5.0)
    assert events == [Delta(0, "cancel", None), Finish(0, "stop"), Usage(3, 1, None)]
    assert (seen.healthy, seen.waiting, seen.running) == (True, 0.0, 0.0)


def test_many_clients_at_once_each_get_their_own_answer(server):
    asked = {"cancel my subscription": "cancel", "reset my password please": "account", "I love the lamp": "praise"}
    client = server.client()

    def ask(text: str) -> str:
        said = client.chat.completions.create(model=server.model, messages=[{"role": "user", "content": text}])
        return said.choices[0].message.content

    with ThreadPoolExecutor(16) as pool:
        texts = list(asked) * 20
        assert list(pool.map(ask, texts)) == [asked[text] for text in texts]


def test_a_failing_embedder_is_an_error_500_and_the_next_request_is_answered(server):
    with pytest.raises(openai.InternalServerError, match="small model failed"):
        server.client().chat.completions.create(
            model=server.model, messages=[{"role": "user", "content": "make it fail"}]
        )
    assert server.client().chat.completions.create(model=server.model, messages=MESSAGES).choices
    root = server.base_url.removesuffix("/v1")
    assert "vllm:num_requests_running" in httpx.get(f"{root}/metrics").text


@pytest.mark.parametrize(
    ("change", "status", "param"),
    [
        ({"model": "gpt-4"}, 404, "model"),
        ({"messages": []}, 400, "messages"),
        ({"messages": [{"role": "user", "content": " "}]}, 400, "messages"),
        ({"messages": [{"role": "assistant", "content": "hi"}]}, 400, "messages"),
        ({"messages": [{"role": "user", "content": 7}]}, 400, "messages"),
        ({"messages": ["hi"]}, 400, "messages"),
        ({"n": 0}, 400, "n"),
        ({"n": True}, 400, "n"),
        ({"stream_options": [1]}, 400, "stream_options"),
    ],
)
def test_bad_requests_get_openais_errors_that_name_the_field(server, change, status, param):
    body = {"model": server.model, "messages": MESSAGES} | change
    said = httpx.post(
        f"{server.base_url}/chat/completions", json=body, headers={"authorization": f"Bearer {server.api_key}"}
    )
    assert said.status_code == status
    error = said.json()["error"]
    assert error["param"] == param
    assert error["message"]
    assert error["type"] == "invalid_request_error"


def test_no_json_too_much_of_it_a_wrong_key_and_an_unknown_path_are_refused(server):
    url, key = f"{server.base_url}/chat/completions", {"authorization": f"Bearer {server.api_key}"}
    assert httpx.post(url, content=b"{", headers=key).status_code == 400
    assert httpx.post(url, content=b"[]", headers=key).status_code == 400
    assert httpx.post(url, content=b" " * (MOST_BYTES + 1), headers=key).status_code == 413
    assert httpx.post(url, json={}, headers={"authorization": "Bearer no"}).json()["error"]["code"] == "invalid_api_key"
    assert httpx.get(f"{server.base_url}/models").status_code == 401
    assert httpx.get(f"{server.base_url}/nothing").json()["error"]["code"] == "not_found"
    assert httpx.get(url).status_code == 405


def test_parts_that_are_no_text_do_not_count_as_text():
    with pytest.raises(ValueError, match="no text"):
        last_user_text([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}])


def test_the_port_is_free_again_after_the_block_and_a_taken_one_is_named(model):
    with small_model_server(model, words) as running:
        port = int(running.base_url.rsplit(":", 1)[1].split("/")[0])
        with pytest.raises(RoutingError, match=f"port {port}"), small_model_server(model, words, port=port):
            pass
    with small_model_server(model, words, port=port) as again:
        assert again.client().models.list()


def test_the_process_says_why_it_does_not_start(tmp_path, model, capsys):
    path = tmp_path / "m.json"
    assert main([str(path), "--embedder", "no.such.module:thing"]) == 1
    assert "--embedder" in capsys.readouterr().err
    model.save(path)
    path.write_text(path.read_text().replace("words", "wards"))
    plugin = tmp_path / "plugin_of_the_test.py"
    plugin.write_text("class E:\n    name = 'words'\n    def embed(self, t): return t\n")
    command = [sys.executable, "-m", "reference.serving.model_routing.small_model_server", str(path)]
    done = subprocess.run(
        [*command, "--embedder", "plugin_of_the_test:E"], capture_output=True, text=True, timeout=60, cwd=tmp_path,
        check=False, env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 1
    assert "sha256" in done.stderr


def test_asking_does_not_block_the_servers_health(server, model):
    """While a slow embedder works, /health answers."""
    import threading

    begun, go = threading.Event(), threading.Event()

    def slow(texts: Sequence[str]) -> Any:
        begun.set()
        go.wait(20)
        return words(texts)

    with small_model_server(model, slow) as running, ThreadPoolExecutor(1) as pool:
        said = pool.submit(running.client().chat.completions.create, model=running.model, messages=MESSAGES)
        assert begun.wait(20)
        root = running.base_url.removesuffix("/v1")
        assert httpx.get(f"{root}/health", timeout=10).status_code == 200
        assert 'vllm:num_requests_running{model_name="small-intents"} 1' in httpx.get(f"{root}/metrics").text
        assert not said.done()
        go.set()
        assert said.result(20).choices[0].message.content == "cancel"
