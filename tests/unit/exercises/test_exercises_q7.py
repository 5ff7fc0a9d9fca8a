"""What question 7 compares answers with is right: the standard's examples, any cut, any forgery, plain arithmetic."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.catalogue import exercise, solution
from exercises.drawing import variant
from exercises.q7 import event_stream, webhook_receiver
from reference.serving.jobs.webhooks.signature import sign


def solved(name):
    space = dict(variant(exercise(name), "ada"))
    exec(compile(solution(name).code, name, "exec"), space)
    return space


PARSERS = [
    pytest.param(event_stream.Reference, id="reference"),
    pytest.param(solved("q7-event-stream")["EventStream"], id="solution"),
]
RECEIVERS = [
    pytest.param(webhook_receiver.Reference, id="reference"),
    pytest.param(solved("q7-webhook-receiver")["Receiver"], id="solution"),
]

# https://html.spec.whatwg.org/multipage/server-sent-events.html, 9.2.6 and the examples before it.
STANDARD = [
    (b"data: YHOO\ndata: +2\ndata: 10\n\n", [("", "message", "YHOO\n+2\n10")], ""),
    (
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event",
        [("1", "message", "first event"), ("", "message", "second event")],
        "",
    ),
    (b"data: This is the first message.\n\ndata: two\ndata: lines.\n\n",
     [("", "message", "This is the first message."), ("", "message", "two\nlines.")], ""),
    (b"event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\ndata: 5\n\n",
     [("", "add", "73857293"), ("", "remove", "2153"), ("", "message", "5")], ""),
    (b"data:test\n\ndata: test\n\n", [("", "message", "test"), ("", "message", "test")], ""),
    (b"id: 7\r\ndata: a\r\n\r\nid: 8\r\n\r\nid: 9\r\ndata: never whole\r\n", [("7", "message", "a")], "8"),
    (b"id: 7\n\nid:\n\n", [], ""),
]  # fmt: skip


def fed(parser, chunks):
    stream = parser()
    events = [event for chunk in chunks for event in stream.feed(chunk)]
    return [(one["id"], one["event"], one["data"]) for one in events], stream.last_event_id, stream.retry_ms


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize(("stream", "events", "last"), STANDARD)
def test_the_standards_examples_come_out_whole_and_byte_by_byte(parser, stream, events, last):
    assert fed(parser, [stream]) == (events, last, None)
    assert fed(parser, [bytes([one]) for one in stream]) == (events, last, None)


text = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=6)
line = st.one_of(
    st.builds("data: {}".format, text), st.builds("data:{}".format, text), st.builds("event: {}".format, text),
    st.builds("id: {}".format, text), st.builds(": {}".format, text), st.builds("colour: {}".format, text), st.just(""),
    st.just(""),
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@settings(max_examples=150, deadline=None)
@given(lines=st.lists(line, max_size=20), cuts=st.lists(st.integers(0, 400), max_size=8))
def test_the_solution_reads_any_stream_as_the_openai_client_does_however_it_is_cut(ending, lines, cuts):
    stream = "".join(one + ending for one in lines).encode()
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    chunks = [stream[a:b] for a, b in pairwise(places)]
    parser, whole = solved("q7-event-stream")["EventStream"], fed(event_stream.Reference, [stream])
    assert fed(parser, chunks) == whole
    assert fed(event_stream.Reference, chunks) == whole


@pytest.mark.parametrize("parser", PARSERS)
def test_an_event_is_returned_with_the_chunk_that_completes_it(parser):
    stream = parser()
    assert stream.feed(b"retry: 1500\n\nid: 3\ndata: a\n") == []
    assert stream.last_event_id == ""
    assert stream.feed(b"\n") == [{"id": "3", "event": "message", "data": "a"}]
    assert (stream.last_event_id, stream.retry_ms) == ("3", 1500)


SECRET, NOW = "s3cret", 1_800_000_000


def delivery(name="job-1", sent=0, key=SECRET, **changed):
    body = json.dumps({"data": {"id": name}})
    signed = sign(key.encode(), name, NOW - sent, body.encode())
    found = {"message_id": name, "timestamp": str(NOW - sent), "signatures": signed, "body": body, "now": NOW}
    return {**found, **changed}


@pytest.mark.parametrize("receiver", RECEIVERS)
@pytest.mark.parametrize(
    "bad",
    [
        delivery(key="other"), delivery(body="{}"), delivery(message_id="job-2"), delivery(timestamp=str(NOW - 1)),
        delivery(sent=301), delivery(sent=-301), delivery(signatures=""), delivery(timestamp="-5"),
        delivery(timestamp="soon"), delivery(timestamp=""), delivery(signatures="v1,ü"),
    ],
)  # fmt: skip
def test_what_is_not_genuine_is_refused_and_keeps_nothing_out(receiver, bad):
    one = receiver(SECRET)
    assert one.take(**bad) == "refused"
    assert one.take(**delivery()) == "new"
    assert one.take(**bad) == "refused"
    assert one.take(**delivery(sent=-5)) == "repeated"


@pytest.mark.parametrize("name", ["q7-open-connections", "q7-calls-or-batch", "q7-following-fleet", "q7-report-review"])
def test_the_sizing_solutions_compute_in_plain_python_what_reference_computes(name):
    one = exercise(name)
    assert "reference" not in solution(name).code
    for person in range(100):
        params = variant(one, f"reader {person}")
        space = dict(params)
        exec(compile(solution(name).code, name, "exec"), space)
        for ask, right in one.answers(params).items():
            if isinstance(right, str):
                assert space[ask] == right
            else:
                whole = next(each.whole for each in one.asks if each.name == ask)
                assert space[ask] == (math.ceil(right - 1e-9) if whole else pytest.approx(right, rel=1e-9))


def test_the_broken_step_of_the_review_varies():
    one = exercise("q7-report-review")
    steps = {one.answers(variant(one, f"reader {person}"))["wrong_step"] for person in range(60)}
    assert steps == {"1", "2", "3", "4", "5"}
