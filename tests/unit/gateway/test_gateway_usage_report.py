"""Grouping and pages: no count is lost or doubled, however a report is cut."""

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.serving.gateway.errors import GatewayError
from reference.serving.gateway.usage.export import ExportError, moment, write
from reference.serving.gateway.usage.records import (
    COUNTERS,
    HOUR_S,
    Labels,
    arguments,
    hash_key,
    keys_of,
    lua,
    parsed,
    split_key,
)
from reference.serving.gateway.usage.report import COLUMNS, GROUPS, Query, grouped, page, rows

DAY = 24 * HOUR_S
NOON = 1_800_000_000 // DAY * DAY + 12 * HOUR_S

words = st.text(max_size=8)
labels = st.builds(
    Labels,
    tenant=st.just("acme"),
    key_id=st.sampled_from(["k1", "k2", ""]),
    model=st.one_of(st.sampled_from(["m", "n"]), words),
    tier=st.sampled_from(["strong", "small"]),
    feature=st.one_of(st.sampled_from(["", "search"]), words),
    batch=st.booleans(),
)
counts = st.dictionaries(st.sampled_from(COUNTERS), st.integers(1, 10**9), min_size=1)
hours = st.lists(st.dictionaries(labels, counts, max_size=4), max_size=4)


def query(**fields):
    return Query(**{"start": NOON, "until": NOON + DAY, "width_s": DAY, "buckets": 1, **fields})


def stored(by_labels):
    """A hash as Redis gives it."""
    found = {b"\nwriter:abc": b"3"}
    for label, amounts in by_labels.items():
        found.update({f"{label.series}{name}".encode(): str(amount).encode() for name, amount in amounts.items()})
    return found


@pytest.mark.slow
@given(hours, st.lists(st.sampled_from(GROUPS), unique=True))
def test_every_grouping_has_the_same_sums(found, group_by):
    results = grouped(found, query(group_by=tuple(group_by)))
    for name in COUNTERS:
        total = sum(amounts.get(name, 0) for hour in found for amounts in hour.values())
        assert sum(result[name] for result in results) == total
    keys = [tuple(result[name] for name in group_by) for result in results]
    assert len(set(keys)) == len(keys)
    others = [name for name in GROUPS if name not in group_by]
    assert all(result[name] is None for result in results for name in others)


@given(st.dictionaries(labels, counts, max_size=6))
def test_what_is_written_in_a_hash_is_read_back_whatever_the_labels_hold(by_labels):
    assert parsed("acme", stored(by_labels)) == by_labels
    lines = rows("acme", NOON, stored(by_labels))
    assert len(lines) == len(by_labels)
    assert all(tuple(line) == COLUMNS for line in lines)


@given(st.data())
@settings(max_examples=50)
def test_pages_one_after_another_hold_every_hour_once(data):
    width = data.draw(st.sampled_from(["1h", "1d"]))
    start = NOON + data.draw(st.integers(0, 2 * DAY))
    end = start + data.draw(st.integers(1, 4 * DAY))
    limit = data.draw(st.integers(1, 31))
    hour = {hash_key("wb", "acme", h): h for h in range(NOON - DAY, NOON + 8 * DAY, HOUR_S)}
    one = stored({Labels("acme", "k", "m"): {"input_tokens": 1}})

    async def call(operation):
        class Pipeline:
            def __init__(self):
                self.names = []

            def hgetall(self, name):
                self.names.append(name)

            async def execute(self):
                return [one if name in hour else {} for name in self.names]

        class Client:
            def pipeline(self, transaction):
                return Pipeline()

        return await operation(Client())

    buckets, cursor = [], None
    while True:
        given_ = [("start_time", str(start)), ("end_time", str(end)), ("bucket_width", width), ("limit", str(limit))]
        asked = Query.parse(given_ + ([("page", cursor)] if cursor else []), now=end)
        found = asyncio.run(page(asked, "acme", "wb", call))
        assert 1 <= len(found["data"]) <= limit
        buckets += found["data"]
        cursor = found["next_page"]
        assert found["has_more"] == (cursor is not None)
        if cursor is None:
            break
    starts = [bucket["start_time"] for bucket in buckets]
    assert starts == list(range(starts[0], starts[0] + len(starts) * asked.width_s, asked.width_s))
    assert starts[0] <= start < starts[0] + asked.width_s
    assert buckets[-1]["start_time"] < end <= buckets[-1]["end_time"]
    counted = sum(result["input_tokens"] for bucket in buckets for result in bucket["results"])
    assert counted == len([h for h in hour.values() if starts[0] <= h < end])


@given(labels, st.integers(-5, 2**70))
def test_no_amount_that_an_engine_says_can_stop_the_script(label, amount):
    sent = arguments(label, {"input_tokens": amount, "output_tokens": 0})
    assert len(sent) == 4 + 2 * sent[3]
    assert all(0 < value < 2**62 for value in sent[5::2])


def test_filters_leave_out_whole_series():
    found = [
        {Labels("acme", "k1", "m"): {"input_tokens": 1}, Labels("acme", "k2", "n", batch=True): {"input_tokens": 2}}
    ]
    for fields, total in (
        ({}, 3),
        ({"models": frozenset({"m"})}, 1),
        ({"api_key_ids": frozenset({"k2"})}, 2),
        ({"batch": True}, 2),
        ({"batch": False}, 1),
    ):
        assert sum(result["input_tokens"] for result in grouped(found, query(**fields))) == total


def test_lists_come_in_any_of_the_usual_ways():
    for given_ in (
        [("group_by", "model"), ("group_by", "batch")],
        [("group_by[]", "model"), ("group_by[]", "batch")],
        [("group_by", "model,batch")],
    ):
        assert Query.parse([("start_time", str(NOON)), *given_], now=NOON + 1).group_by == ("model", "batch")


def test_a_key_of_another_kind_is_no_hour_of_usage():
    name, features = keys_of("wb", "acme", NOON)
    assert split_key("wb", name) == ("acme", NOON)
    assert split_key("wb", features) is None
    assert split_key("other", name) is None


def test_the_scripts_share_one_way_to_count():
    assert lua("write").count("local function add_usage") == 1
    assert lua("add").count("HINCRBY") == 1


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("2026-11-01", 1_793_491_200), ("2026-11-01T02:00+02:00", 1_793_491_200)]
)
def test_a_moment_is_seconds_or_a_date(text, seconds):
    assert moment(text, "--start") == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5", "2026-13-01", "1e9"])
def test_a_moment_that_is_none_is_refused_with_its_option(text):
    with pytest.raises(ExportError, match="--start"):
        moment(text, "--start")


def test_an_export_that_fails_in_the_middle_leaves_the_old_file(tmp_path):
    out = tmp_path / "usage.jsonl"
    out.write_text("old")

    def broken():
        yield {"start_time": 1}
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write(out, broken(), "jsonl")
    assert out.read_text() == "old"
    assert list(tmp_path.iterdir()) == [out]
    assert write(out, iter([{"a": 1}]), "jsonl") == 1
    assert json.loads(out.read_text()) == {"a": 1}


def test_a_start_in_the_future_is_refused():
    with pytest.raises(GatewayError):
        Query.parse([("start_time", str(NOON + 60))], now=NOON)
