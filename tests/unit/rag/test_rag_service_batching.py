"""Micro-batching: who shares a batch, who waits, and what a fault of one costs the others."""

import threading
from concurrent.futures import CancelledError

import pytest
from rag_query_fakes import MemoryDense, MemoryLexical, WordEmbedder, chunk

from reference.rag.query import BadQuery, Searcher, SearchRequest, prepare_query
from reference.rag.search_result import SearchResult
from reference.rag.service.batching import MicroBatcher, QueueFull, ServiceStopping, StageFeed
from reference.rag.types import PUBLIC, RagError

WAIT = 10


class GatedSearcher:
    """Records its batches; each batch waits until the test lets it go."""

    def __init__(self, gated=True):
        self.batches = []
        self.entered = threading.Semaphore(0)
        self.gate = threading.Semaphore(0)
        self.gated = gated
        self.poison = ()
        self.early = ()

    def prepare(self, query):
        return prepare_query(query)

    def search_batch(self, requests, on_done=None):
        self.batches.append([request.query for request in requests])
        self.budgets = [request.budget_s for request in requests]
        self.entered.release()
        for position, request in enumerate(requests):
            if request.query in self.early:
                on_done(position, SearchResult([], variants=[request.query]))
        if self.gated:
            assert self.gate.acquire(timeout=WAIT)
        if bad := [request.query for request in requests if request.query in self.poison]:
            raise ValueError(f"cannot do {bad}")
        return [SearchResult([], variants=[request.query]) for request in requests]


def ask(query, **options):
    return SearchRequest(query, (PUBLIC,), **options)


@pytest.fixture
def searcher():
    return GatedSearcher()


@pytest.fixture
def batcher(searcher):
    with MicroBatcher(searcher, most=4, wait_s=0, queue=5) as made:
        yield made
        searcher.gated = False
        for _ in range(50):
            searcher.gate.release()


def occupied(searcher, batcher):
    """The worker is inside a batch of one."""
    first = batcher.submit(ask("first"))
    assert searcher.entered.acquire(timeout=WAIT)
    return first


def test_a_lone_request_starts_at_once_as_a_batch_of_one(searcher, batcher):
    first = occupied(searcher, batcher)
    searcher.gate.release()
    assert first.result(WAIT).batch == 1
    assert searcher.batches == [["first"]]


def test_what_queues_up_behind_a_batch_becomes_the_next_batch_and_no_larger_than_allowed(searcher, batcher):
    occupied(searcher, batcher)
    futures = [batcher.submit(ask(f"q{number}")) for number in range(5)]
    for _ in range(3):
        searcher.gate.release()
    got = [future.result(WAIT) for future in futures]
    assert searcher.batches == [["first"], ["q0", "q1", "q2", "q3"], ["q4"]]
    assert [one.batch for one in got] == [4, 4, 4, 4, 1]
    assert [one.result.variants for one in got] == [[f"q{number}"] for number in range(5)]


def test_a_full_queue_refuses_and_says_when_to_come_back(searcher, batcher):
    occupied(searcher, batcher)
    waiting = [batcher.submit(ask(f"q{number}")) for number in range(5)]
    with pytest.raises(QueueFull) as refused:
        batcher.submit(ask("one too many"))
    assert refused.value.retry_after_s > 0
    waiting[2].cancel()
    batcher.submit(ask("takes its place"))
    assert batcher.waiting == 5


def test_a_cancelled_request_is_never_searched(searcher, batcher):
    occupied(searcher, batcher)
    kept, left = batcher.submit(ask("kept")), batcher.submit(ask("left"))
    assert left.cancel()
    searcher.gate.release()
    searcher.gate.release()
    kept.result(WAIT)
    assert searcher.batches == [["first"], ["kept"]]
    with pytest.raises(CancelledError):
        left.result(0)


def test_one_poisoned_request_fails_alone(searcher, batcher):
    searcher.poison = ("bad",)
    occupied(searcher, batcher)
    futures = {name: batcher.submit(ask(name)) for name in ("a", "bad", "b")}
    for _ in range(6):
        searcher.gate.release()
    assert futures["a"].result(WAIT).result.variants == ["a"]
    assert futures["b"].result(WAIT).result.variants == ["b"]
    with pytest.raises(ValueError, match="bad"):
        futures["bad"].result(WAIT)
    assert searcher.batches == [["first"], ["a", "bad", "b"], ["a"], ["bad"], ["b"]]
    assert batcher.alive


def test_a_result_that_is_ready_early_is_delivered_before_its_batch_ends(searcher, batcher):
    searcher.early = ("fast",)
    occupied(searcher, batcher)
    fast, slow = batcher.submit(ask("fast")), batcher.submit(ask("slow"))
    searcher.gate.release()
    assert fast.result(WAIT).batch == 2
    assert not slow.done()
    searcher.gate.release()
    slow.result(WAIT)


def test_a_delivered_result_is_not_searched_again_when_its_batch_fails_later(searcher, batcher):
    searcher.early, searcher.poison = ("fast",), ("bad",)
    occupied(searcher, batcher)
    fast, bad = batcher.submit(ask("fast")), batcher.submit(ask("bad"))
    for _ in range(4):
        searcher.gate.release()
    fast.result(WAIT)
    with pytest.raises(ValueError):
        bad.result(WAIT)
    assert searcher.batches == [["first"], ["fast", "bad"], ["bad"]]


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_time_in_the_queue_is_taken_off_the_budget_but_never_all_of_it(searcher):
    clock = Clock()
    with MicroBatcher(searcher, clock=clock) as batcher:
        occupied(searcher, batcher)
        futures = [batcher.submit(ask("a", budget_s=2.0)), batcher.submit(ask("b", budget_s=0.1))]
        futures.append(batcher.submit(ask("c")))
        clock.now += 0.5
        searcher.gate.release()
        searcher.gate.release()
        assert [future.result(WAIT).waited_s for future in futures] == [0.5] * 3
        assert searcher.budgets == [1.5, 0.001, None]


def test_after_a_batch_of_several_the_collector_waits_for_as_many_again(searcher):
    # the clock stands still, so the wait ends by the number of requests alone
    with MicroBatcher(searcher, most=4, wait_s=1.0, clock=Clock()) as batcher:
        occupied(searcher, batcher)
        pair = [batcher.submit(ask("a")), batcher.submit(ask("b"))]
        searcher.gate.release()
        searcher.gate.release()
        for future in pair:
            future.result(WAIT)
        assert searcher.entered.acquire(timeout=WAIT)
        again = [batcher.submit(ask("c"))]
        assert not searcher.entered.acquire(timeout=0.1)
        again.append(batcher.submit(ask("d")))
        searcher.gate.release()
        for future in again:
            future.result(WAIT)
        assert searcher.batches == [["first"], ["a", "b"], ["c", "d"]]


def test_after_a_batch_of_one_the_next_lone_request_does_not_wait(searcher):
    # the clock stands still: a wait for company would never end
    with MicroBatcher(searcher, most=4, wait_s=1.0, clock=Clock()) as batcher:
        occupied(searcher, batcher)
        searcher.gate.release()
        searcher.gate.release()
        assert batcher.submit(ask("alone")).result(WAIT).batch == 1


def test_a_request_without_words_is_refused_before_it_queues(searcher, batcher):
    with pytest.raises(BadQuery, match="empty"):
        batcher.submit(ask(" \u200b "))
    assert batcher.waiting == 0


def test_closing_refuses_what_waits_and_finishes_what_runs(searcher):
    batcher = MicroBatcher(searcher)
    first = occupied(searcher, batcher)
    waiting = batcher.submit(ask("waits"))
    closing = threading.Thread(target=batcher.close)
    closing.start()
    with pytest.raises(ServiceStopping):
        waiting.result(WAIT)
    searcher.gate.release()
    closing.join(WAIT)
    assert first.result(0).result.variants == ["first"]
    assert not batcher.alive
    with pytest.raises(ServiceStopping):
        batcher.submit(ask("late"))


@pytest.mark.parametrize("wrong", [{"most": 0}, {"queue": 0}, {"workers": 0}, {"wait_s": -1}, {"wait_s": 5}])
def test_a_wrong_setting_is_refused_by_name(searcher, wrong):
    with pytest.raises(RagError, match=next(iter(wrong))):
        MicroBatcher(searcher, **wrong)


def test_batched_searches_of_different_tenants_give_what_single_ones_give_and_tell_their_stages():
    chunks = [chunk(f"apple number {n}", f"d{n}", tenant=tenant) for n, tenant in enumerate(["a", "b", PUBLIC] * 3)]
    embedder, feed = WordEmbedder(), StageFeed()
    searcher = Searcher(MemoryDense(chunks, embedder), MemoryLexical(chunks), embedder, observer=feed)
    seen = {name: [] for name in "ab"}
    requests = [SearchRequest("apple number 3", (name, PUBLIC)) for name in "ab"]
    with MicroBatcher(searcher, stages=feed) as batcher:
        futures = [
            batcher.submit(one, lambda stage, _, name=name: seen[name].append(stage))
            for one, name in zip(requests, "ab", strict=True)
        ]
        for future, one in zip(futures, requests, strict=True):
            got = [hit.chunk.id for hit in future.result(WAIT).result.hits]
            assert got == [hit.chunk.id for hit in searcher.search(one.query, one.tenants).hits]
    for stages in seen.values():
        assert {"embed", "dense", "lexical", "fuse"} <= set(stages)
