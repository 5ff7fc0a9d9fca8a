"""Settings, breaker, keys, cache key, generation log, error format, and the reading of the engine's stream."""

import asyncio
import json
import re
from contextlib import AsyncExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.serving.exposition import RUNNING, WAITING, samples
from reference.serving.gateway.breaker import CircuitBreaker, State
from reference.serving.gateway.errors import GatewayError, unavailable
from reference.serving.gateway.exact_cache import Answer, Choice, cache_digest
from reference.serving.gateway.generation import Generation, NotShared, assemble, events_of
from reference.serving.gateway.guard import MemoGuards, OpenDecision, OpenStreamGuard
from reference.serving.gateway.keys import ApiKey, InvalidKeySpec, KeyStore, new_key
from reference.serving.gateway.settings import Settings, SettingsError
from reference.serving.gateway.upstream import Delta, Finish, Usage, _Broken, _events
from reference.serving.redis_store import connect


class TestSettings:
    def test_the_environment_sets_fields(self):
        assert Settings.from_env({"GATEWAY_PORT": "9", "OTHER": "x"}).port == 9

    def test_overrides_win_and_none_does_not_count(self):
        assert Settings.from_env({"GATEWAY_PORT": "9"}, port=10, model=None).port == 10

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("GATEWAY_PORT", "x"),
            ("GATEWAY_PORT", "70000"),
            ("GATEWAY_ENGINE_URL", "localhost:8000"),
            ("GATEWAY_SESSION_TTL_S", "0"),
            ("GATEWAY_FOLD_TO", "2"),
            ("GATEWAY_SUMMARISER", "magic"),
        ],
    )
    def test_a_bad_value_names_field_and_variable(self, name, value):
        with pytest.raises(SettingsError, match=name):
            Settings.from_env({name: value})

    def test_an_unknown_variable_is_named(self):
        with pytest.raises(SettingsError, match="GATEWAY_PROT"):
            Settings.from_env({"GATEWAY_PROT": "1"})

    def test_settings_that_contradict_each_other_are_refused(self):
        with pytest.raises(SettingsError, match="default_timeout_s"):
            Settings.from_env({}, default_timeout_s=700.0)


class TestBreaker:
    @pytest.fixture
    def world(self):
        moment = [0.0]
        seen = []
        return CircuitBreaker(3, 5.0, seen.append, lambda: moment[0]), moment, seen

    def test_only_a_row_of_failures_opens_it(self, world):
        breaker, _, _ = world
        for _ in range(10):
            breaker.failure()
            breaker.failure()
            breaker.success()
        assert breaker.allow()
        for _ in range(3):
            breaker.failure()
        assert not breaker.allow()
        assert breaker.state is State.OPEN
        assert breaker.retry_after_s == 5

    def test_after_the_cool_down_one_trial_decides(self, world):
        breaker, moment, seen = world
        for _ in range(3):
            breaker.failure()
        moment[0] = 5.0
        assert [breaker.allow() for _ in range(3)] == [True, False, False]
        breaker.failure()
        assert breaker.state is State.OPEN
        moment[0] = 10.0
        assert breaker.allow()
        breaker.success()
        assert breaker.state is State.CLOSED
        assert seen == [State.OPEN, State.HALF_OPEN, State.OPEN, State.HALF_OPEN, State.CLOSED]

    def test_a_trial_that_never_reports_does_not_block_for_ever(self, world):
        breaker, moment, _ = world
        for _ in range(3):
            breaker.failure()
        moment[0] = 5.0
        assert breaker.allow()
        assert not breaker.allow()
        moment[0] = 10.1
        assert breaker.allow()


class TestKeys:
    def test_a_record_never_holds_the_key(self):
        text, record = new_key("acme")
        assert re.fullmatch(r"wbk-[0-9a-f]{16}-[A-Za-z0-9_-]{43}", text)
        assert text[21:] not in json.dumps(record.mapping())

    def test_records_survive_redis(self, redis_server):
        with connect(redis_server.url) as client:
            store = KeyStore(client, "p1")
            _, record = store.create("acme", expires_in_s=100, rpm=3, tpm=4)
            assert store.list() == [record]
            assert 0 < client.ttl(f"p1:apikey:{record.key_id}") <= 101
            assert store.revoke(record.key_id)
            assert not store.revoke(record.key_id)
            assert store.list() == []

    @pytest.mark.parametrize(
        "bad", [{"tenant": ""}, {"tenant": "a b"}, {"tenant": "a", "rpm": -1}, {"tenant": "a", "expires_in_s": 0}]
    )
    def test_bad_specifications_are_refused(self, bad):
        with pytest.raises(InvalidKeySpec):
            new_key(**bad)

    @given(st.floats(0, 1e10), st.floats(0, 1e10))
    def test_a_key_is_expired_from_its_date_on(self, expires_at, moment):
        record = ApiKey("k", "t", "d", expires_at)
        assert record.expired(moment) == (expires_at > 0 and moment >= expires_at)

    def test_the_command_line_creates_lists_and_revokes(self, redis_server, monkeypatch, capsys):
        from reference.serving.gateway.keys_cli import main

        monkeypatch.setenv("GATEWAY_REDIS_URL", redis_server.url)
        monkeypatch.setenv("GATEWAY_KEY_PREFIX", "cli")
        assert main(["create", "--tenant", "acme", "--rpm", "5", "--expires-days", "1", "--json"]) == 0
        made = json.loads(capsys.readouterr().out)
        assert made["api_key"].startswith(f"wbk-{made['key_id']}-")
        assert main(["list", "--json"]) == 0
        (listed,) = json.loads(capsys.readouterr().out)
        assert (listed["tenant"], listed["rpm"], listed["key_id"]) == ("acme", 5, made["key_id"])
        assert "api_key" not in listed
        assert main(["revoke", made["key_id"]]) == 0
        assert main(["revoke", made["key_id"]]) == 1
        assert main(["create", "--tenant", "a b"]) == 1
        assert "tenant" in capsys.readouterr().err


BASE = {
    "tenant": "t",
    "model": "m",
    "model_version": "1",
    "messages": [{"role": "user", "content": "hi"}],
    "sampling": {"temperature": 0},
    "max_tokens": 5,
    "policy": "p",
}


class TestCacheKey:
    @pytest.mark.parametrize(
        "change",
        [
            {"tenant": "u"},
            {"model": "n"},
            {"model_version": "2"},
            {"messages": [{"role": "system", "content": "hi"}]},
            {"messages": [{"role": "user", "content": "hi "}]},
            {"messages": [*BASE["messages"], *BASE["messages"]]},
            {"sampling": {"temperature": 0, "seed": 1}},
            {"max_tokens": 6},
            {"policy": "q"},
        ],
    )
    def test_every_part_counts(self, change):
        assert cache_digest(**{**BASE, **change}) != cache_digest(**BASE)

    def test_the_order_of_parameters_does_not(self):
        one, other = {"a": 1, "b": 2}, {"b": 2, "a": 1}
        assert cache_digest(**{**BASE, "sampling": one}) == cache_digest(**{**BASE, "sampling": other})

    @given(st.lists(st.tuples(st.sampled_from(["user", "assistant"]), st.text(max_size=5)), max_size=4))
    def test_texts_cannot_be_shifted_between_messages(self, pairs):
        messages = [{"role": role, "content": text} for role, text in pairs]
        joined = [{"role": "user", "content": "".join(text for _, text in pairs)}]
        same = messages == joined
        assert (cache_digest(**{**BASE, "messages": messages}) == cache_digest(**{**BASE, "messages": joined})) == same


CHOICE = st.builds(Choice, st.text(max_size=20), st.sampled_from(["stop", "length"]))
ANSWER = st.builds(
    Answer, st.lists(CHOICE, min_size=1, max_size=3).map(tuple), st.integers(0, 99), st.integers(0, 99), st.none()
)


class TestAnswers:
    @given(ANSWER)
    def test_an_answer_survives_storage_and_replay(self, answer):
        assert Answer.from_bytes(answer.to_bytes()) == answer
        assert assemble(events_of(answer)) == answer

    @pytest.mark.parametrize("events", [[], [Delta(0, "x")], [Delta(0, "x"), Finish(1, "stop")]])
    def test_a_stream_without_an_end_is_an_error(self, events):
        with pytest.raises(GatewayError, match="502"):
            assemble(events)

    def test_a_filtered_answer_is_not_cacheable(self):
        assert not Answer((Choice("x", "content_filter"),), 1, 1).cacheable


class TestGeneration:
    @staticmethod
    def generation(source, complete=None, deadline_s=10.0, max_bytes=1000):
        async def keep(answer):
            return None

        made = Generation(asyncio.get_running_loop().time() + deadline_s, max_bytes)
        made.attach()
        made.start(source, complete or keep, AsyncExitStack())
        return made

    async def test_readers_at_any_pace_see_the_same_events(self):
        async def source():
            for text in "abc":
                yield Delta(0, text)
                await asyncio.sleep(0.01)
            yield Finish(0, "stop")

        generation = self.generation(source)

        async def read(pause):
            seen = []
            async for batch in generation.batches():
                seen += batch
                await asyncio.sleep(pause)
            return seen

        fast, slow = await asyncio.gather(read(0), read(0.05))
        assert fast == slow == [Delta(0, "a"), Delta(0, "b"), Delta(0, "c"), Finish(0, "stop")]

    async def test_the_end_is_shown_only_after_completion(self):
        released = asyncio.Event()

        async def source():
            yield Delta(0, "a")
            yield Finish(0, "stop")

        async def complete(answer):
            await released.wait()

        generation = self.generation(source, complete)
        batches = generation.batches()
        assert await anext(batches) == [Delta(0, "a")]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(generation.result(), 0.05)
        released.set()
        assert (await generation.result()).choices[0].text == "a"

    async def test_a_failed_completion_replaces_the_end(self):
        async def source():
            yield Delta(0, "a")
            yield Finish(0, "stop")

        async def complete(answer):
            raise unavailable("session_store_unavailable", "gone")

        seen = []
        with pytest.raises(GatewayError) as raised:
            async for batch in self.generation(source, complete).batches():
                seen += batch
        assert raised.value.code == "session_store_unavailable"
        assert seen == [Delta(0, "a")]

    async def test_the_last_reader_stops_it_and_resources_are_freed(self):
        freed = asyncio.Event()

        async def source():
            try:
                yield Delta(0, "a")
                await asyncio.sleep(3600)
            finally:
                freed.set()

        generation = self.generation(source)
        generation.attach()
        await generation.wait_first()
        generation.detach()
        await asyncio.sleep(0.01)
        assert not generation.done
        generation.detach()
        await asyncio.wait_for(freed.wait(), 2)
        with pytest.raises(NotShared):
            await generation.result()

    async def test_an_unforeseen_error_becomes_a_500_without_its_text(self):
        async def source():
            yield Delta(0, "a")
            raise RuntimeError("user said: secret")

        with pytest.raises(GatewayError) as raised:
            await self.generation(source).result()
        assert raised.value.status == 500
        assert "secret" not in raised.value.message


class TestEngineStream:
    def test_an_error_in_the_stream_is_a_break(self):
        with pytest.raises(_Broken):
            _events(b'{"error": {"message": "EngineDeadError"}}')

    @pytest.mark.parametrize("data", [b"", b"x", b"[]", b"3", b'{"choices": [{}]}', b'{"choices": 5}'])
    def test_a_malformed_event_is_a_break(self, data):
        with pytest.raises(_Broken):
            _events(data)

    @given(st.binary(max_size=60))
    def test_no_bytes_make_it_raise_anything_else(self, data):
        try:
            _events(data)
        except _Broken:
            return

    def test_usage_with_prefix_cache_hits_is_read(self):
        data = {"choices": [], "usage": {"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 8}}}
        assert _events(json.dumps(data).encode()) == [Usage(9, 0, 8)]

    def test_gauges_are_summed_over_engines(self):
        text = '# HELP vllm:num_requests_waiting\nvllm:num_requests_waiting{engine="0"} 2.0\n'
        text += 'vllm:num_requests_waiting{engine="1"} 3.0\nvllm:num_requests_waiting_by_reason{x="y"} 9.0\n'
        assert samples(text, WAITING, RUNNING) == {WAITING: 5}


@pytest.mark.parametrize(("seconds", "header"), [(0, "1"), (0.2, "1"), (1, "1"), (1.01, "2"), (59.5, "60")])
def test_retry_after_is_rounded_up_to_whole_seconds(seconds, header):
    assert unavailable("x", "y", seconds).all_headers()["retry-after"] == header


class CountingGuards:
    """Blocks BAD, redacts mail, allows the rest; counts what it is asked."""

    policy_version = "counting"

    def __init__(self):
        self.asked = []

    def check_input(self, text):
        self.asked.append(text)
        decision = OpenDecision(text.replace("mail", "[M]"))
        decision.action = "block" if "BAD" in text else "redact" if "mail" in text else "allow"
        return decision

    def stream_guard(self, system_prompt):
        return OpenStreamGuard()


class TestMemoGuards:
    @given(st.lists(st.sampled_from(["BAD", "mail", "fine", "fine ", "a mail"]), max_size=20))
    def test_a_remembered_decision_is_the_guards_own_and_is_asked_once(self, texts):
        plain, inner = CountingGuards(), CountingGuards()
        memo = MemoGuards(inner)
        for text in texts:
            mine, own = memo.check_input(text), plain.check_input(text)
            assert (mine.action, mine.text) == (own.action, own.text)
        assert sorted(inner.asked) == sorted(set(texts))

    def test_memory_is_bounded_and_long_texts_are_not_kept(self):
        memo = MemoGuards(CountingGuards(), size=10)
        for number in range(100):
            memo.check_input(str(number))
        memo.check_input("x" * 5000)
        assert len(memo._known) == 10
        assert memo.policy_version == "counting"
