from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from reference.moderation.record import SqliteDecisionLog
from reference.moderation.streams import Names, Producer, StreamWorker, decode_posts, encode_posts
from reference.moderation.types import Action, Decision, Media, ModerationError, Post, Tier
from reference.serving.redis_store import connect, private_redis
from reference.serving.waiting import wait_until

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def verdict(post, action=Action.APPROVE):
    return Decision(post.id, action, "", Tier.RULES, (), {"policy": "t"}, "en", "", 0, NOW)


def approve(posts):
    return [verdict(post) for post in posts]


@pytest.fixture
def server():
    with private_redis() as server:
        connect(server.url).config_set("hz", 500)  # it looks for reads whose time is up so often, else every 100 ms
        yield server


@pytest.fixture
def log(tmp_path):
    return SqliteDecisionLog(tmp_path / "log.db")


def drain(worker, rounds=30):
    worker.make_group()
    for _ in range(rounds):
        worker.round()
    return worker.report


def make(server, log, decide=approve, name="w1", **more):
    return StreamWorker(connect(server.url), log, decide, name, **{"block_ms": 5, "claim_after_s": 0.0, **more})


def some(n, start=0):
    return [Post(f"p{i}", f"text {i}") for i in range(start, start + n)]


def test_posts_survive_the_message_with_all_their_fields():
    posts = [
        Post("a", "x\ud800y"),
        Post("b", "", (Media("i", b"\x00\xff"),), Media("v", b"1"), ("l",), "en", "me", "DE", NOW, 7),
        Post("c", views=3),
    ]
    assert decode_posts(encode_posts(posts)) == posts


@pytest.mark.parametrize("body", [b"", b"{}{", b"[1]", b'[["a"]]', b'[["a", 1]]', b'[["a","b",{"x":1}]]', b"\xff"])
def test_a_body_that_is_no_batch_is_refused(body):
    with pytest.raises(ModerationError):
        decode_posts(body)


def test_every_post_is_decided_once_and_the_stream_ends_empty(server, log):
    producer = Producer(connect(server.url))
    for start in range(0, 500, 50):
        producer.send(some(50, start))
    report = drain(make(server, log))
    assert (log.counts()["rows"], report.new, report.repeated) == (500, 500, 0)
    assert connect(server.url).xlen(producer.names.stream) == 0
    log.verify()


def test_what_a_dead_worker_left_is_claimed_and_nothing_decided_twice(server, log):
    Producer(connect(server.url)).send(some(20))
    dead = make(server, log, name="dead")
    dead.make_group()
    dead._finish = lambda *_: (_ for _ in ()).throw(
        KeyboardInterrupt()
    )  # dies after the log, before the acknowledgement
    with pytest.raises(KeyboardInterrupt):
        dead.round()
    assert log.counts()["rows"] == 20
    report = drain(make(server, log))
    assert (report.claimed, report.repeated, report.new) == (1, 20, 0)
    assert log.counts()["rows"] == 20


def test_the_post_that_fails_every_time_goes_to_a_person_and_its_neighbours_do_not(server, log):
    def picky(posts):
        if any(post.id == "p3" for post in posts):
            raise RuntimeError("p3")
        return approve(posts)

    Producer(connect(server.url)).send(some(6))
    drain(make(server, log, picky))
    actions = {name: log.why(name)[0].action for name in (f"p{i}" for i in range(6))}
    assert [name for name, action in actions.items() if action is Action.ESCALATE] == ["p3"]


def test_the_post_that_kills_its_worker_goes_to_a_person_at_the_last_delivery(server, log):
    def deadly(posts):
        if any(post.id == "p3" for post in posts):
            raise KeyboardInterrupt
        return approve(posts)

    Producer(connect(server.url)).send(some(6))
    for life in range(5):
        worker = make(server, log, deadly, name=f"w{life}")
        try:
            drain(worker, 10)
            break
        except KeyboardInterrupt:
            continue
    else:
        pytest.fail("the message was never given up")
    actions = [log.why(f"p{i}")[0].action for i in range(3)]
    assert actions == [Action.APPROVE] * 3  # decided one by one before the deadly one
    assert log.why("p3")[0].missing == ("worker",)
    assert log.counts()["posts"] == 6


def test_a_message_that_is_no_batch_is_kept_for_a_person(server, log):
    client = connect(server.url)
    client.xadd(Names().stream, {b"p": b"{broken"})
    Producer(client).send(some(2))
    report = drain(make(server, log))
    assert (report.dead, report.new) == (1, 3)
    (_, kept), *_ = client.xrange(Names().dead)
    assert kept[b"p"] == b"{broken"
    assert b"no batch" in kept[b"reason"]
    assert log.why(f"message:{Names().stream}:{kept[b'id'].decode()}")[0].action is Action.ESCALATE


def test_posts_without_decision_go_on_in_the_same_step(server, log):
    def rules(posts):
        return [verdict(p, Action.ESCALATE) if p.id == "p1" else None for p in posts]

    client = connect(server.url)
    Producer(client).send(some(4))
    drain(make(server, log, rules))
    onward = [post.id for _, fields in client.xrange(Names().onward) for post in decode_posts(fields[b"p"])]
    assert onward == ["p0", "p2", "p3"]
    assert log.counts()["rows"] == 1


def test_a_full_stream_makes_the_producer_wait_and_an_idle_one_says_so(server, log):
    client = connect(server.url)
    producer = Producer(client, max_messages=5, patience_s=0.3)
    with pytest.raises(ModerationError, match="start workers"):
        for start in range(10):
            producer.send(some(1, start))
    assert client.xlen(producer.names.stream) == 5
    stop = threading.Event()
    worker = threading.Thread(target=make(server, log).run, args=(stop.is_set,))
    patient = Producer(client, max_messages=5, patience_s=20)
    worker.start()
    longest = 0
    try:
        for start in range(5, 100):
            patient.send(some(1, start))
            longest = max(longest, patient._length)
        while client.xlen(producer.names.stream):
            stop.wait(0.01)
    finally:
        stop.set()
        worker.join()
    assert longest <= 5
    assert log.counts()["rows"] == 100


def test_a_worker_outlives_redis_and_gives_up_with_a_mend_when_it_stays_away(server, log):
    stop = threading.Event()
    worker = make(server, log, patience_s=30)
    thread = threading.Thread(target=worker.run, args=(stop.is_set,))
    thread.start()
    try:
        Producer(connect(server.url)).send(some(3))
        while log.counts()["rows"] < 3:
            stop.wait(0.01)
        server.stop()
        with pytest.raises(ModerationError, match="REDIS_URL"):
            Producer(connect(server.url), patience_s=0.1).send(some(1))
        assert wait_until(lambda: worker.report.reconnects > 0, 30)  # before it is there again
        server.start()  # empty: stream and group are gone
        Producer(connect(server.url)).send(some(3, 3))
        while log.counts()["rows"] < 6:
            stop.wait(0.01)
    finally:
        stop.set()
        thread.join()
    server.stop()
    with pytest.raises(ModerationError, match="start it"):
        make(server, log, patience_s=0.1).run(lambda: False)
