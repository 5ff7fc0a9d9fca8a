"""The `openai` client works unchanged: streaming and not, models, parameters, request ids."""

import openai
import pytest
from fake_engine import MODEL
from helpers import HELLO, body, metric, post


def test_plain_answer_equals_streamed_answer(start, fake):
    client = start().client()
    plain = client.chat.completions.create(model=MODEL, messages=HELLO)
    chunks = list(client.chat.completions.create(model=MODEL, messages=HELLO, stream=True))
    assert plain.choices[0].message.content == "Hello from the engine."
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == plain.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [c.choices[0].finish_reason for c in chunks][-1] == plain.choices[0].finish_reason == "stop"
    assert (plain.usage.prompt_tokens, plain.usage.completion_tokens, plain.usage.total_tokens) == (7, 5, 12)


def test_usage_is_streamed_only_when_asked_for(start):
    client = start().client()
    without = list(client.chat.completions.create(model=MODEL, messages=HELLO, stream=True))
    with_usage = list(
        client.chat.completions.create(model=MODEL, messages=HELLO, stream=True, stream_options={"include_usage": True})
    )
    assert all(c.usage is None and c.choices for c in without)
    assert with_usage[-1].choices == []
    assert with_usage[-1].usage.completion_tokens == 5


def test_tokens_are_streamed_as_they_come(start, fake):
    fake.stall_after = 2
    client = start().client(timeout=20)
    stream = client.chat.completions.create(model=MODEL, messages=HELLO, stream=True)
    first = [next(iter(stream)).choices[0].delta.content for _ in range(2)]
    assert first == ["Hello", " from"]  # the engine is still at work
    assert fake.running == 1
    stream.close()


def test_several_choices_come_back_with_their_own_index(start, fake):
    client = start().client()
    answer = client.chat.completions.create(model=MODEL, messages=HELLO, n=2, max_tokens=3)
    assert [c.index for c in answer.choices] == [0, 1]
    assert {c.message.content for c in answer.choices} == {"Hello from the"}


def test_sampling_parameters_reach_the_engine(start, fake):
    sent = {"temperature": 0.3, "top_p": 0.9, "seed": 5, "stop": ["x"], "presence_penalty": 0.5}
    start().client().chat.completions.create(
        model=MODEL, messages=HELLO, max_completion_tokens=9, extra_body={"top_k": 7, "ignore_eos": True}, **sent
    )
    seen = fake.bodies[-1]
    assert {name: seen[name] for name in sent} == sent
    assert (seen["max_tokens"], seen["top_k"], seen["ignore_eos"]) == (9, 7, True)
    assert seen["stream_options"] == {"include_usage": True}


def test_text_parts_reach_the_engine_as_one_string(start, fake):
    parts = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    start().client().chat.completions.create(model=MODEL, messages=[{"role": "user", "content": parts}])
    assert fake.bodies[-1]["messages"] == [{"role": "user", "content": "one\ntwo"}]


def test_request_id_of_the_client_is_kept_and_a_bad_one_replaced(start, fake):
    gateway = start()
    assert post(gateway, body(), {"x-request-id": "my-id_1"}).headers["x-request-id"] == "my-id_1"
    assert fake.headers[-1]["x-request-id"] == "my-id_1"
    assert post(gateway, body(), {"x-request-id": "a b"}).headers["x-request-id"].startswith("req-")


def test_models_are_those_of_the_engine(start):
    client = start().client()
    assert [m.id for m in client.models.list()] == [MODEL]
    assert client.models.retrieve(MODEL).id == MODEL
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("other")


def test_metrics_count_tokens_and_time_first_token(start, fake):
    fake.itl = 0.02
    gateway = start()
    gateway.client().chat.completions.create(model=MODEL, messages=HELLO)
    assert metric(gateway, "gateway_tokens_total", direction="in") == 7
    assert metric(gateway, "gateway_tokens_total", direction="out") == 5
    assert metric(gateway, "gateway_ttft_seconds_count", source="engine") == 1
    assert metric(gateway, "gateway_tpot_seconds_count") == 1
    assert metric(gateway, "gateway_requests_total", route="/v1/chat/completions", status="200") == 1
    assert metric(gateway, "gateway_inflight_generations") == 0


def test_two_gateways_in_one_process_keep_their_own_metrics(start):
    one, other = start(), start()
    one.client().chat.completions.create(model=MODEL, messages=HELLO)
    assert metric(one, "gateway_tokens_total", direction="out") == 5
    assert metric(other, "gateway_tokens_total", direction="out") == 0


def test_connections_to_the_engine_are_used_again(start, fake):
    gateway = start()
    for _ in range(5):
        gateway.client().chat.completions.create(model=MODEL, messages=HELLO)
    assert len(set(fake.peers)) <= 2  # one for the calls, perhaps one for the monitor's polls
