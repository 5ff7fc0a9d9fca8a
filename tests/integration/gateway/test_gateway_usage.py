"""What is counted is what the engine said, once, under the right labels, and no other tenant sees it."""

import csv
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import openai
import pytest
from fake_engine import MODEL, running_engine
from helpers import HELLO, assert_openai_error, body, metric, post, raw_request, wait_until

from reference.serving import redis_store
from reference.serving.gateway.keys import KeyStore
from reference.serving.gateway.seams import Choice, Similar
from reference.serving.gateway.usage.records import COUNTERS
from reference.sizing.bill.importers import read_records
from reference.sizing.bill.records import Faults

PATH = "/v1/organization/usage/completions"
RESULT_FIELDS = {
    *("object", "input_tokens", "input_cached_tokens", "output_tokens", "num_model_requests", "project_id", "user_id"),
    *("api_key_id", "model", "batch", "service_tier", "feature", "tier"),
}


def usage_page(gateway, *group_by, key="", **params):
    given = {"start_time": int(time.time()) - 86_400, "end_time": int(time.time()) + 7200, "bucket_width": "1d"}
    reply = httpx.get(
        f"{gateway.root_url}{PATH}",
        params={**given, **({"group_by[]": list(group_by)} if group_by else {}), **params},
        headers={"authorization": f"Bearer {key or gateway.api_key}"},
    )
    assert reply.status_code == 200, reply.text
    page = reply.json()
    assert page["has_more"] is False
    return page


def usage(gateway, *group_by, key="", **params):
    page = usage_page(gateway, *group_by, key=key, **params)
    found = [result for bucket in page["data"] for result in bucket["results"]]
    if group_by:
        return found
    # A run at midnight may fill two days.
    return {name: sum(result[name] for result in found) for name in COUNTERS} if found else {}


def written(gateway):
    """All that was noted is in Redis."""
    return wait_until(
        lambda: metric(gateway, "gateway_usage_series_waiting") == 0 == metric(gateway, "gateway_inflight_generations")
    )


def counted(gateway, **expected):
    """Waits for the counts: the end of an answer is seen before its use is noted."""
    got = {}

    def equal():
        got.clear()
        got.update(usage(gateway))
        return all(got.get(name, 0) == value for name, value in expected.items())

    assert wait_until(equal), (got, expected)
    return got


@pytest.fixture
def metered(start):
    return lambda parts=None, **settings: start(parts, **{"usage_enabled": True, **settings})


@pytest.fixture
def other_key(redis_server):
    def make(tenant="other"):
        with redis_store.connect(redis_server.url) as client:
            return KeyStore(client).create(tenant)[0]

    return make


def said(fake):
    return {
        "num_model_requests": len(fake.said),
        "input_tokens": sum(usage["prompt_tokens"] for usage in fake.said),
        "output_tokens": sum(usage["completion_tokens"] for usage in fake.said),
    }


def test_sums_are_what_the_engine_said_for_streams_plain_requests_sessions_and_choices(metered, fake):
    fake.cached_tokens = 3
    gateway = metered()
    for stream in (False, True):
        post(gateway, body(stream=stream))
        post(gateway, body(stream=stream, n=2))
        post(gateway, body(stream=stream), {"x-session-id": "s"})
        post(gateway, body(stream=stream, seed=int(stream)))
    sums = counted(gateway, **said(fake))
    assert sums["num_model_requests"] == 8
    assert sums["input_cached_tokens"] == 24


def test_an_answer_that_its_client_left_counts_the_pieces_that_came(metered, fake):
    fake.itl, fake.pieces = 0.02, lambda body: ["x "] * 3000
    fake.count_prompt = lambda messages: 10_000  # what it would say, had it been heard to the end
    gateway = metered()
    stream = gateway.client().chat.completions.create(model=MODEL, messages=HELLO, max_tokens=3000, stream=True)
    seen = sum(bool(chunk.choices[0].delta.content) for _, chunk in zip(range(6), stream, strict=False))
    stream.close()
    assert wait_until(lambda: fake.cancelled == 1)
    sums = counted(gateway, num_model_requests=1)
    assert 5 <= seen <= sums["output_tokens"] < 3000
    assert sums["input_tokens"] == gateway.app.state.services.counter.count_prompt(HELLO)


def test_a_prompt_whose_client_left_before_the_first_token_was_read_all_the_same(metered, fake):
    fake.held = True
    gateway = metered()
    with raw_request(gateway, body()):
        assert wait_until(lambda: fake.running == 1)
    assert wait_until(lambda: fake.cancelled == 1)
    tokens = gateway.app.state.services.counter.count_prompt(HELLO)
    counted(gateway, num_model_requests=1, input_tokens=tokens, output_tokens=0)


def test_an_answer_that_broke_off_counts_and_one_that_never_began_does_not(metered, fake):
    gateway = metered(max_retries=0)
    fake.statuses = [500, 400]
    assert [post(gateway, body()).status_code for _ in range(2)] == [502, 400]
    fake.die_after = 3
    assert '"code": "engine_error"' in post(gateway, body(stream=True)).text
    counted(gateway, num_model_requests=1, output_tokens=3)


def test_exact_hits_and_joined_answers_are_told_apart_from_generations(metered, fake):
    fake.ttft = 0.5
    gateway = metered()
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda i: post(gateway, body(temperature=0, stream=bool(i % 2))), range(10)))
    fake.ttft = 0
    for _ in range(4):
        assert post(gateway, body(temperature=0)).headers["x-cache"] == "hit"
    assert fake.calls == 1
    sums = counted(gateway, **said(fake))
    answers = sums["exact_cache_answers"] + sums["coalesced_answers"]
    assert answers == 13
    assert sums["exact_cache_answers"] >= 4
    assert sums["exact_cache_input_tokens"] + sums["coalesced_input_tokens"] == 7 * answers
    assert sums["exact_cache_output_tokens"] + sums["coalesced_output_tokens"] == 5 * answers


def test_what_another_process_generated_counts_as_joined(metered, fake):
    fake.ttft = 0.5
    gateways = [metered(), metered()]
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda i: post(gateways[i % 2], body(temperature=0)), range(10)))
    assert fake.calls == 1
    counted(gateways[0], **said(fake))
    # Each gateway's key belongs to the same tenant.
    assert wait_until(
        lambda: sum(usage(gateways[0])[f"{saver}_answers"] for saver in ("exact_cache", "coalesced")) == 9
    )


def test_similar_answers_are_counted_with_the_tokens_they_saved(metered, fake):
    class All:
        version, kept = "all", {}

        def find(self, scope, question):
            return self.kept.get(scope)

        def keep(self, scope, question, answer, ttl_s):
            self.kept[scope] = Similar(answer, question, 1.0)

    store = All()
    gateway = metered({"similar": store}, similar_timeout_s=20)
    post(gateway, body(temperature=0))
    assert wait_until(lambda: store.kept)
    other = body(temperature=0, messages=[{"role": "user", "content": "hi"}])
    assert post(gateway, other).headers["x-cache"] == "similar"
    saved = {"similar_cache_answers": 1, "similar_cache_input_tokens": 7, "similar_cache_output_tokens": 5}
    counted(gateway, num_model_requests=1, **saved)


def test_tiers_models_and_features_are_told_apart(metered, fake):
    class Small:
        version = "1"

        def choose(self, text):
            return Choice("small", 1.0)

    with running_engine(model="small-model", pieces=lambda body: ["one"]) as small:
        gateway = metered({"chooser": Small()}, small_engine_url=small.base_url, max_retries=0)
        post(gateway, body(metadata={"feature": "search"}))
        post(gateway, body(model="auto", metadata={"feature": "search"}))
        small.statuses = [500]
        post(gateway, body(model="auto"))
        assert written(gateway)
        found = usage(gateway, "model", "tier", "feature")
    rows = {(r["model"], r["tier"], r["feature"]): (r["num_model_requests"], r["output_tokens"]) for r in found}
    assert rows == {
        (MODEL, "strong", None): (1, 5),  # the fall-back counts once, where it was answered
        (MODEL, "strong", "search"): (1, 5),
        ("small-model", "small", "search"): (1, 1),
    }


def test_features_beyond_the_bound_count_as_other(metered):
    gateway = metered(usage_features=2)
    for name in ("a", "b", "c", "d", "a"):
        post(gateway, body(metadata={"feature": name}))
        assert written(gateway)
    rows = {r["feature"]: r["num_model_requests"] for r in usage(gateway, "feature")}
    assert rows == {"a": 2, "b": 1, "other": 2}


@pytest.mark.parametrize("feature", ["", "x" * 65, "a\nb"])
def test_a_bad_feature_is_refused_by_name(metered, start, feature):
    assert_openai_error(post(metered(), body(metadata={"feature": feature})), 400, "invalid_value", "metadata.feature")
    assert post(start(), body(metadata={"feature": feature})).status_code == 200  # where nothing is counted


def test_another_tenants_usage_is_never_seen(metered, other_key):
    gateway, stranger = metered(), other_key()
    post(gateway, body())
    assert written(gateway)
    assert usage(gateway, key=stranger) == {}
    tenants = usage(gateway, "project_id", "api_key_id", key=stranger)
    assert tenants == []
    refused = httpx.get(
        f"{gateway.root_url}{PATH}",
        params={"start_time": 0, "project_ids": "local"},
        headers={"authorization": f"Bearer {stranger}"},
    )
    assert_openai_error(refused, 400, "unknown_parameter", "project_ids")
    assert httpx.get(f"{gateway.root_url}{PATH}", params={"start_time": 0}).status_code == 401


def test_a_page_has_openais_shape(metered):
    gateway = metered()
    post(gateway, body(metadata={"feature": "search"}))
    assert written(gateway)
    now = int(time.time())
    client = gateway.client()
    page = client.get(
        "/organization/usage/completions",
        cast_to=httpx.Response,
        options={
            "params": {"start_time": now - 3600, "end_time": now + 3600, "bucket_width": "1h", "group_by[]": "model"}
        },
    ).json()
    assert set(page) == {"object", "data", "has_more", "next_page"}
    assert page["object"] == "page"
    assert {bucket["object"] for bucket in page["data"]} == {"bucket"}
    for bucket in page["data"]:
        assert bucket["end_time"] - bucket["start_time"] == 3600
        assert bucket["start_time"] % 3600 == 0
    (result,) = [result for bucket in page["data"] for result in bucket["results"]]
    assert set(result) >= RESULT_FIELDS
    assert result["object"] == "organization.usage.completions.result"
    assert result["model"] == MODEL
    assert [result[name] for name in ("project_id", "user_id", "api_key_id", "batch", "feature", "tier")] == [None] * 6


def test_openais_own_client_reads_the_page(metered):
    gateway = metered()
    post(gateway, body())
    assert written(gateway)
    client = openai.OpenAI(base_url=gateway.base_url, api_key=gateway.api_key, admin_api_key=gateway.api_key)
    page = client.admin.organization.usage.completions(start_time=int(time.time()) - 3600, group_by=["model", "batch"])
    (result,) = [result for bucket in page.data for result in bucket.results]
    assert (result.model, result.batch, result.num_model_requests) == (MODEL, False, 1)
    assert (result.input_tokens, result.output_tokens) == (7, 5)


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"group_by": "colour"}, "group_by"),
        ({"group_by[]": ["model", "prompt"]}, "group_by"),
        ({"bucket_width": "1m"}, "bucket_width"),
        ({"limit": "0"}, "limit"),
        ({"limit": "32"}, "limit"),
        ({"start_time": "yesterday"}, "start_time"),
        ({"start_time": "-1"}, "start_time"),
        ({"end_time": "5"}, "end_time"),
        ({"page": "3"}, "page"),
        ({"batch": "maybe"}, "batch"),
        ({"user": "x"}, "user"),
    ],
)
def test_bad_queries_name_the_parameter(metered_once, params, param):
    gateway = metered_once
    reply = httpx.get(
        f"{gateway.root_url}{PATH}",
        params={"start_time": 1_700_000_000, **params},
        headers={"authorization": f"Bearer {gateway.api_key}"},
    )
    assert_openai_error(reply, 400, reply.json()["error"]["code"], param)


def test_without_metering_nothing_is_written_and_the_page_says_what_to_set(start, redis_server):
    gateway = start()
    post(gateway, body())
    reply = httpx.get(
        f"{gateway.root_url}{PATH}", params={"start_time": 0}, headers={"authorization": f"Bearer {gateway.api_key}"}
    )
    assert_openai_error(reply, 404, "usage_not_counted")
    assert "GATEWAY_USAGE_ENABLED" in reply.json()["error"]["message"]
    with redis_store.connect(redis_server.url) as client:
        assert list(client.scan_iter("*usage*")) == []


def test_counts_end_by_themselves(metered, redis_server):
    gateway = metered(usage_keep_days=2)
    post(gateway, body(metadata={"feature": "x"}))
    assert written(gateway)
    with redis_store.connect(redis_server.url) as client:
        names = list(client.scan_iter("wb:usage:*"))
        assert len(names) == 2
        assert all(0 < client.ttl(name) <= 2 * 86_400 for name in names)


def test_usage_is_held_while_redis_is_gone_and_no_answer_waits_for_it(metered, fake):
    gateway = metered(usage_buffer=2)
    meter, gate = gateway.app.state.services.meter, gateway.app.state.services.gate
    post(gateway, body())
    counted(gateway, num_model_requests=1)
    real = gate.script

    async def gone(script, keys, args):
        from reference.serving.gateway.store import RedisGone

        if ":usage:" in keys[0]:
            raise RedisGone
        return await real(script, keys, args)

    gate.script = gone
    for name in ("a", "b", "c", "d"):  # two series fit, the others are dropped and counted
        assert post(gateway, body(metadata={"feature": name})).status_code == 200
    assert wait_until(lambda: metric(gateway, "gateway_usage_dropped_requests_total") == 2)
    assert meter.waiting == 2
    gate.script = real
    counted(gateway, num_model_requests=3)


def test_a_write_whose_reply_was_lost_counts_once(metered):
    """Redis did it, the connection broke before its answer came: the write is sent again."""
    gateway = metered()
    gate, real, sent = gateway.app.state.services.gate, gateway.app.state.services.gate.script, []

    async def lossy(script, keys, args):
        from reference.serving.gateway.store import RedisGone

        reply = await real(script, keys, args)
        if ":usage:" in keys[0]:
            sent.append(reply)
            if len(sent) == 1:
                raise RedisGone
        return reply

    gate.script = lossy
    post(gateway, body())
    assert wait_until(lambda: len(sent) >= 2)
    assert sent[:2] == [1, 0]
    counted(gateway, num_model_requests=1)
    post(gateway, body())
    counted(gateway, num_model_requests=2)


def test_what_was_noted_is_written_when_the_gateway_stops(start_in):
    with ExitStack() as stack:
        gateway = start_in(stack)(usage_enabled=True)
        meter = gateway.app.state.services.meter
        meter._new.set = lambda: None  # the task hears of nothing any more
        post(gateway, body())
        assert wait_until(lambda: meter.waiting == 1)
    with ExitStack() as stack:
        counted(start_in(stack)(usage_enabled=True), num_model_requests=1)


class TestExport:
    def run(self, redis_server, *options):
        command = [sys.executable, "-m", "reference.serving.gateway.usage", "--redis-url", redis_server.url, *options]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    def test_all_tenants_are_in_the_file_and_the_bill_reads_what_the_engine_said(
        self, metered, fake, other_key, redis_server, tmp_path
    ):
        gateway, stranger = metered(), other_key()
        post(gateway, body(metadata={"feature": "search, fast"}))
        post(gateway, body(), {"authorization": f"Bearer {stranger}"})
        assert written(gateway)
        out = tmp_path / "usage.jsonl"
        done = self.run(redis_server, "--out", str(out))
        assert done.returncode == 0, done.stderr
        rows = [json.loads(line) for line in out.read_text().splitlines()]
        assert {row["project_id"] for row in rows} == {"local", "other"}
        assert all(RESULT_FIELDS | {"start_time", "end_time"} <= set(row) for row in rows)
        for name, total in said(fake).items():
            assert sum(row[name] for row in rows) == total
        table = tmp_path / "usage.csv"
        assert self.run(redis_server, "--out", str(table), "--format", "csv").returncode == 0
        with table.open(newline="") as file:
            plain = list(csv.DictReader(file))
        texts = {None: "", False: "false"}
        assert plain == [
            {name: texts[value] if value is None or value is False else str(value) for name, value in row.items()}
            for row in rows
        ]
        assert {path.name for path in tmp_path.iterdir()} == {"usage.jsonl", "usage.csv"}
        page = tmp_path / "page.json"
        page.write_text(json.dumps(usage_page(gateway, "model", "feature", "batch")))
        for path, tenants in ((out, {"local", "other"}), (table, {"local", "other"}), (page, {""})):
            faults = Faults()
            records = list(read_records(path, faults))
            assert faults.total == 0
            assert {record.tenant for record in records} == tenants
            assert {record.model for record in records} == {MODEL}
            assert sum(record.input_tokens for record in records) == 7 * sum(record.requests for record in records)
            assert any(record.feature == "search, fast" for record in records)
        page.unlink()
        later = self.run(redis_server, "--out", str(out), "--start", str(int(time.time()) + 7200))
        assert (later.returncode, out.read_text()) == (0, "")

    @pytest.mark.parametrize("options", [("--start", "soon"), ("--start", "9", "--end", "9")])
    def test_a_bad_option_is_named_and_an_old_file_stays(self, redis_server, tmp_path, options):
        out = tmp_path / "usage.jsonl"
        out.write_text("old")
        done = self.run(redis_server, "--out", str(out), *options)
        assert done.returncode == 2
        assert done.stderr.startswith(f"error: {options[-2]}")
        assert out.read_text() == "old"

    def test_a_folder_that_is_not_there_is_named(self, redis_server, tmp_path):
        done = self.run(redis_server, "--out", str(tmp_path / "no" / "usage.jsonl"))
        assert done.returncode == 2
        assert "--out" in done.stderr
