"""Adaptive micro-batching: searches that wait at the same time run as one batch.

While a batch runs, requests queue up; when it ends, all that fit go into the next. A lone request at an idle service
starts at once. After a batch of several, the collector waits up to `wait_s` for as many again: clients that were
answered together ask again together, and taking the first alone would make the others wait for a batch of one.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Protocol

from reference.rag.query import PreparedQuery, SearchRequest
from reference.rag.search_result import SearchResult
from reference.rag.types import RagError

LEAST_BUDGET_S = 0.001  # what a request gets whose time went by in the queue: enough to be degraded, not to fail
_SMOOTHING = 0.2


class QueueFull(RagError):
    """More searches wait than the service takes; `retry_after_s` says when a place should be free."""

    def __init__(self, waiting: int, retry_after_s: float) -> None:
        super().__init__(f"{waiting} searches wait already; try again in {retry_after_s:.1f} s, or raise RAG_MAX_QUEUE")
        self.retry_after_s = retry_after_s


class ServiceStopping(RagError):
    """The batcher was closed before the search was made."""


class BatchSearcher(Protocol):
    """What the batcher needs of a `Searcher`."""

    def prepare(self, query: str) -> PreparedQuery:
        """Raises BadQuery for a query that cannot be searched."""
        ...

    def search_batch(
        self, requests: Sequence[SearchRequest], on_done: Callable[[int, SearchResult], None] | None = None
    ) -> list[SearchResult]:
        """One result per request; each is given to `on_done` as soon as it is ready."""
        ...


@dataclass(frozen=True)
class Batched:
    """A result with what the batching did to it: seconds in the queue, requests in its batch."""

    result: SearchResult
    waited_s: float
    batch: int


@dataclass(eq=False)
class _Ticket:
    request: SearchRequest
    arrived: float
    on_stage: Callable[[str, float], None] | None
    future: Future[Batched] = field(default_factory=Future)
    waited_s: float = 0.0
    batch: int = 1


class StageFeed:
    """Tells the requests of the running batch that a stage has ended: give it to the Searcher as its `observer`.

    One batch runs per thread, so the thread names the batch.
    """

    def __init__(self) -> None:
        self._local = threading.local()

    def __call__(self, stage: str, seconds: float, queries: int) -> None:
        """Observer of a Searcher."""
        for ticket in getattr(self._local, "tickets", ()):
            if ticket.on_stage is not None and not ticket.future.done():
                ticket.on_stage(stage, seconds)

    def running(self, tickets: Sequence[_Ticket]) -> None:
        """The batch that this thread runs from now on; empty: none."""
        self._local.tickets = tuple(tickets)


class MicroBatcher:
    """Runs submitted searches in batches on threads of its own. Close it, or use it in a `with` block.

    Args:
        searcher: a `Searcher`.
        most: requests per batch.
        wait_s: longest wait for more requests after a batch of several, counted from that batch's end.
        queue: requests that may wait; more are refused.
        workers: batches at the same time.
        observer: called with (requests, seconds) of each batch.
        stages: the same object that the searcher has as observer; None: no news of stages.
    """

    def __init__(
        self,
        searcher: BatchSearcher,
        most: int = 16,
        wait_s: float = 0.003,
        queue: int = 256,
        workers: int = 1,
        *,
        observer: Callable[[int, float], None] | None = None,
        stages: StageFeed | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if most < 1 or queue < 1 or workers < 1:
            raise RagError(f"most, queue, workers: must be 1 or more, got {most}, {queue}, {workers}")
        if not 0 <= wait_s <= 1:
            raise RagError(f"wait_s: must be 0 to 1 second, got {wait_s}")
        self._searcher, self._most, self._wait_s, self._queue = searcher, most, wait_s, queue
        self._observer, self._feed, self._clock = observer, stages or StageFeed(), clock
        self._waiting: deque[_Ticket] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._seconds_each = 0.02  # per request; smoothed from what batches take
        self._workers = workers
        self._threads = [
            threading.Thread(target=self._serve, name=f"rag-batch-{number}", daemon=True) for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, request: SearchRequest, on_stage: Callable[[str, float], None] | None = None) -> Future[Batched]:
        """The future of a search. Cancelling it takes a waiting request out of the queue; a running one ends unheard.

        Args:
            on_stage: called with (stage, seconds) on the batch's thread when a stage of the batch has ended.

        Raises:
            BadQuery: nothing to search for.
            QueueFull: too many wait.
            ServiceStopping: after `close`.
        """
        self._searcher.prepare(request.query)
        ticket = _Ticket(request, self._clock(), on_stage)
        with self._changed:
            if self._closed:
                raise ServiceStopping("the service is stopping; ask another one")
            if len(self._waiting) >= self._queue:
                self._waiting = deque(one for one in self._waiting if not one.future.cancelled())
            if len(self._waiting) >= self._queue:
                raise QueueFull(len(self._waiting), self._queue * self._seconds_each / self._workers)
            self._waiting.append(ticket)
            self._changed.notify()
        return ticket.future

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._waiting)

    @property
    def alive(self) -> bool:
        """False after `close`, or if a thread has died."""
        return not self._closed and all(thread.is_alive() for thread in self._threads)

    def close(self, timeout_s: float = 10.0) -> None:
        """Refuses what waits, lets running batches end."""
        with self._changed:
            self._closed = True
            refused = list(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
        for ticket in refused:
            if ticket.future.set_running_or_notify_cancel():
                ticket.future.set_exception(ServiceStopping("the service is stopping; ask another one"))
        for thread in self._threads:
            thread.join(timeout_s)

    def __enter__(self) -> MicroBatcher:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- the batches' threads -----------------------------------------------------------------------------------------

    def _serve(self) -> None:
        size, ended = 0, float("-inf")
        while tickets := self._collect(size, ended):
            began = self._clock()
            self._run(tickets)
            ended, size = self._clock(), len(tickets)
            self._seconds_each += _SMOOTHING * ((ended - began) / size - self._seconds_each)
            if self._observer is not None:
                self._observer(size, ended - began)

    def _collect(self, last_size: int, last_ended: float) -> list[_Ticket]:
        """The next batch, not empty; empty once the batcher is closed."""
        with self._changed:
            while not self._closed:
                if not self._waiting:
                    self._changed.wait()
                    continue
                left = last_ended + self._wait_s - self._clock()
                if last_size > 1 and left > 0 and len(self._waiting) < min(last_size, self._most):
                    self._changed.wait(left)
                    continue
                if tickets := self._take():
                    return tickets
            return []

    def _take(self) -> list[_Ticket]:
        tickets: list[_Ticket] = []
        now = self._clock()
        while self._waiting and len(tickets) < self._most:
            ticket = self._waiting.popleft()
            if ticket.future.set_running_or_notify_cancel():
                ticket.waited_s = max(0.0, now - ticket.arrived)
                tickets.append(ticket)
        for ticket in tickets:
            ticket.batch = len(tickets)
            if (budget := ticket.request.budget_s) is not None and budget > 0:
                left = max(min(budget, LEAST_BUDGET_S), budget - ticket.waited_s)
                ticket.request = replace(ticket.request, budget_s=left)
        return tickets

    def _run(self, tickets: Sequence[_Ticket]) -> None:
        def done(position: int, result: SearchResult) -> None:
            self._deliver(tickets[position], result)

        self._feed.running(tickets)
        try:
            results = self._searcher.search_batch([ticket.request for ticket in tickets], done)
            for ticket, result in zip(tickets, results, strict=True):
                self._deliver(ticket, result)
        except Exception as error:  # whatever one request provokes must not take the others or the thread along
            open_tickets = [ticket for ticket in tickets if not ticket.future.done()]
            if len(tickets) == 1:
                for ticket in open_tickets:
                    with suppress(InvalidStateError):
                        ticket.future.set_exception(error)
            else:
                for ticket in open_tickets:
                    self._run([ticket])
        finally:
            self._feed.running(())

    @staticmethod
    def _deliver(ticket: _Ticket, result: SearchResult) -> None:
        if not ticket.future.done():
            with suppress(InvalidStateError):
                ticket.future.set_result(Batched(result, ticket.waited_s, ticket.batch))
