"""Question 7's comparison on a stub engine: every request ends once, all modes answer alike, the counts add up."""

from __future__ import annotations

import asyncio
import contextlib
import io
import sys
import time
import types
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[2] / "fakes"))
from thread_worker import worker_on_a_thread

from reference.serving.experiments import modes_comparison, modes_crossings, modes_fleet, modes_lane, modes_resume
from reference.serving.experiments.engine_watch import Look, Watch, drained, watching
from reference.serving.experiments.modes_clients import End, Mode, Outcome
from reference.serving.experiments.modes_comparison import Comparison, summarise
from reference.serving.experiments.modes_crossings import crossing
from reference.serving.experiments.modes_service import modes_service
from reference.serving.experiments.modes_workload import Roof, measure_roof, workload
from reference.serving.jobs import fleet as fleets
from reference.serving.jobs import yielding
from reference.serving.jobs.store import JobStore
from reference.serving.stub_engine import StubEngine
from workbook.figures import q7_running

pytestmark = pytest.mark.slow

TOKENS, SLOTS, DEADLINE_S = 6, 4, 10.0


@pytest.fixture(scope="module")
def stub():
    with StubEngine(ttft_ms=20, itl_ms=5, slots=SLOTS) as engine:
        yield engine


@pytest.fixture(scope="module")
def service(stub, quick_servers):
    """Workers for jobs of the engine run on threads; those of the drills, which are killed, are processes."""
    real = fleets.running

    def running(settings, workers, *, drills=False):
        return real(settings, workers, drills=True) if drills else worker_on_a_thread(settings)

    with pytest.MonkeyPatch.context() as patch, modes_service(stub, modes={"heartbeat_s": 0.2}) as one:
        patch.setattr(fleets, "running", running)
        yield one


@pytest.fixture(scope="module")
def ran(service, stub) -> Comparison:
    """Few requests, at a load that the stub bears: nobody is late however slow the machine is."""
    roof = asyncio.run(measure_roof(stub, tokens=TOKENS, at_once=SLOTS, waves=2, alone=1))
    slow = Roof(24.0 * TOKENS, roof.at_once, roof.n, roof.one_s, TOKENS)
    with service.workers(1, slots_normal=SLOTS, slots_low=SLOTS, yield_running=SLOTS):
        return asyncio.run(
            modes_comparison.compare(service, shares=[0.5, 1.0], seconds=0.5, roof=slow, deadline_s=DEADLINE_S)
        )


def test_every_request_of_every_mode_has_exactly_one_end(ran):
    for (_, share), outcomes in ran.outcomes.items():
        numbers = Counter(one.number for one in outcomes)
        assert set(numbers.values()) == {1}
        assert len(outcomes) == next(p.n for p in ran.points if p.share == share)
    for point in ran.points:
        assert point.answered + point.refused + point.timed_out + point.failed == point.n
        assert point.in_time <= point.answered


def test_all_modes_answer_the_same_requests_with_the_same_texts(ran):
    assert {p.mode for p in ran.points} == set(Mode)
    assert all(p.answered == p.n for p in ran.points), ran.points
    equal, several = ran.equal_texts()
    assert equal == several == sum({p.share: p.n for p in ran.points}.values())
    texts = {one.text for one in ran.outcomes[Mode.BATCH, 1.0]}
    assert len(texts) == len(ran.outcomes[Mode.BATCH, 1.0])  # each its own, not one answer for all


def test_only_a_stream_shows_something_before_its_end(ran):
    for (mode, _), outcomes in ran.outcomes.items():
        for one in outcomes:
            assert one.tokens == TOKENS
            if mode is Mode.STREAMING:
                assert 0 < one.first_s < one.last_s
            else:
                assert one.first_s == one.last_s > 0


def test_a_batch_is_handed_in_when_its_last_request_is_due(ran):
    for share in (0.5, 1.0):
        outcomes = ran.outcomes[Mode.BATCH, share]
        last = max(one.due_s for one in outcomes)
        assert all(one.due_s + one.last_s > last for one in outcomes)


def test_the_engine_made_as_many_tokens_as_clients_got(ran):
    for point in ran.points:
        assert point.engine_tokens == point.answered * TOKENS


def test_deferred_modes_hold_the_engine_no_longer_than_it_works(ran):
    for point in ran.points:
        assert point.held_s == (point.window_s if point.mode in {Mode.SYNC, Mode.STREAMING} else point.busy_s)
        assert point.usd_per_1000(3.6) == pytest.approx(point.held_s / point.answered)


def test_a_client_gives_up_at_its_deadline_and_is_counted(service):
    asks = workload(50.0, 0.2, model=service.engine.model, tokens=500, seed=3)
    outcomes, _ = asyncio.run(modes_comparison._one(service, Mode.SYNC, asks, 0.3, 30.0))
    assert [one.end for one in outcomes] == [End.TIMED_OUT] * len(asks)
    asyncio.run(drained(service.engine))


def test_a_refused_request_is_no_failure(stub):
    with modes_service(stub, max_inflight=1) as narrow:
        asks = workload(1000.0, 0.01, model=stub.model, tokens=100, seed=4)
        outcomes, _ = asyncio.run(modes_comparison._one(narrow, Mode.SYNC, asks, 20.0, 30.0))
    ends = Counter(one.end for one in outcomes)
    assert ends[End.ANSWERED] >= 1
    assert ends[End.REFUSED] >= 1
    assert set(ends) <= {End.ANSWERED, End.REFUSED}


def test_a_cut_stream_is_put_together_without_loss(service):
    body = {"model": service.engine.model, "messages": [{"role": "user", "content": "x"}], "max_tokens": 30}
    one = modes_resume.cut_and_resume(service, body, cut_after=5, away_s=0.02)
    assert one.numbers == list(range(1, len(one.whole) + 1))
    assert (one.lost, one.doubled, one.same_text) == (0, 0, True)
    assert len(one.before) == 5
    broken = modes_resume.Resumed(one.stream_id, one.before, one.after[1:] + one.after[-1:], one.whole, 0.0)
    assert (broken.lost, broken.doubled, broken.same_text) == (1, 1, False)


def test_a_stream_that_was_whole_before_it_could_be_cut_is_drawn(service):
    body = {"model": service.engine.model, "messages": [{"role": "user", "content": "x"}], "max_tokens": 2}
    one = modes_resume.cut_and_resume(service, body, cut_after=50, away_s=0.0)
    assert one.numbers == [event.number for event in one.whole]
    assert (one.after, one.lost, one.doubled, one.same_text) == ((), 0, 0, True)
    drawn(q7_running.resumed(one))


def test_live_streams_are_measured_alone_and_beside_a_batch(service):
    roof = Roof(20.0 * TOKENS, SLOTS, 8, 0.05, TOKENS)
    rows = asyncio.run(
        modes_lane.live_beside_batch(service, roof, share=0.5, seconds=0.5, yields_at=[2], slots=SLOTS, batch_n=20)
    )
    assert [one.yields_at for one in rows] == [None, 2]
    assert all(len(one.first_s) == one.n for one in rows)
    assert rows[0].batch_per_s == 0
    drawn(q7_running.beside(rows))


def test_a_burst_ends_without_a_lost_job_though_a_worker_is_killed(service):
    settings = service.jobs.model_copy(update={"prefix": "wb:{burst}"})
    settings = type(settings)(**{**settings.model_dump(exclude_unset=True), "prefix": "wb:{burst}", "lease_s": 1.0,
                                 "redeliver_s": 0.7})  # fmt: skip
    # Two workers are wanted while more than two jobs are left: at the first look, also if it comes a second late.
    one = asyncio.run(modes_fleet.burst(settings, jobs=24, job_s=0.2, target_wait_s=0.1, most=2))
    assert one.lost == 0
    assert one.killed_s is not None
    assert max(look.workers for look in one.looks) == 2
    assert one.looks[-1].left == 0
    drawn(q7_running.burst(one, 0.3))


def drawn(figure) -> None:
    figure.savefig(io.BytesIO(), format="png")


def test_figures_draw_every_mode_also_where_none_was_answered(ran):
    dead = summarise(
        Mode.SYNC, 2.0, 16.0, [Outcome(Mode.SYNC, 0, 0.0, End.TIMED_OUT), Outcome(Mode.SYNC, 1, 1.0, End.TIMED_OUT)],
        Watch(), ran.roof, 1.0,
    )  # fmt: skip
    assert dead.usd_per_1000(1.0) is None
    others = [dead.__class__(**{**p.__dict__, "share": 2.0}) for p in ran.points if p.share == 1.0]
    more = [dead, *(p for p in others if p.mode is not Mode.SYNC)]
    worse = Comparison(ran.roof, 1.0, (*ran.points, *more), ran.outcomes)
    for figure in (q7_running.waiting(worse), q7_running.ends(worse), q7_running.money(worse, 0.8, "$0.80")):
        drawn(figure)


@settings(deadline=None)
@given(st.floats(0.1, 50), st.floats(0.1, 4), st.integers(0, 5))
def test_a_workload_is_repeatable_and_fits_its_window(rate, seconds, seed):
    asks = workload(rate, seconds, model="m", tokens=8, seed=seed)
    assert asks == workload(rate, seconds, model="m", tokens=8, seed=seed)
    assert len(asks) == max(8, round(rate * seconds))
    due = [one.due_s for one in asks]
    assert due == sorted(due)
    assert due[0] >= 0
    assert due[-1] <= len(asks) / rate


@pytest.mark.parametrize(
    ("values", "level", "rising", "expected"),
    [
        ([1.0, 1.0, 0.0], 0.5, False, 1.5),
        ([0.0, 1.0, 2.0], 0.5, True, 0.5),
        ([0.0, 0.0, 0.0], 0.5, True, None),
        ([0.2, 1.0, 1.0], 0.5, False, 0.0),
        ([1.0, 0.5, 0.0], 0.5, False, 1.0),
    ],
)
def test_a_crossing_lies_between_the_loads_around_it(values, level, rising, expected):
    assert crossing([0.0, 1.0, 2.0], values, level, rising=rising) == expected


def test_crossings_name_the_load_at_which_a_mode_stops_to_pay():
    def point(mode, share, answered, in_time, held_s):
        some = [Outcome(mode, n, 0.0, End.ANSWERED, 1.0, 1.0, 4) for n in range(answered)]
        some += [Outcome(mode, n, 0.0, End.TIMED_OUT) for n in range(answered, 10)]
        made = summarise(mode, share, 1.0, some, Watch(), Roof(1.0, 1, 1, 1.0, 4), 1.0)
        return made.__class__(**{**made.__dict__, "in_time": in_time, "held_s": held_s})

    points = []
    for share, answered, spent in ((0.5, 10, 20.0), (1.5, 5, 5.25)):
        points += [point(Mode.SYNC, share, answered, answered, spent), point(Mode.STREAMING, share, 10, 10, spent)]
        points += [point(Mode.ASYNC, share, 10, 0, 10.0), point(Mode.BATCH, share, 10, 0, 10.0)]
    found = modes_crossings.crossings(Comparison(Roof(1.0, 1, 1, 1.0, 4), 1.0, tuple(points), {}))
    assert found["sync late"] == pytest.approx(0.6)
    assert found["streaming late"] is None
    assert found["jobs answer more"] == pytest.approx(0.6)
    assert 0.5 < found["batch saves little"] < 1.5


def test_a_load_without_an_answer_or_without_work_says_nothing_of_what_a_batch_saves():
    answered = [Outcome(Mode.SYNC, 0, 0.0, End.ANSWERED, 1.0, 1.0, 4), Outcome(Mode.SYNC, 1, 1.0, End.TIMED_OUT)]
    one = summarise(Mode.SYNC, 0.5, 1.0, answered, Watch(), Roof(1.0, 1, 1, 1.0, 4), 1.0)

    def saves(batch_answered, batch_held):
        points = []
        for share, sync_answered, sync_held in ((0.5, 0, 9.0), (1.0, 1, 9.0), (1.5, 1, 1.0)):
            usual = {"share": share, "answered": sync_answered, "held_s": sync_held}
            unlike = {Mode.BATCH: {"answered": batch_answered, "held_s": batch_held}}
            points += [replace(one, mode=mode, **{**usual, **unlike.get(mode, {})}) for mode in Mode]
        return modes_crossings.crossings(Comparison(Roof(1.0, 1, 1, 1.0, 4), 1.0, tuple(points), {}))

    assert 1.0 < saves(1, 1.0)["batch saves little"] < 1.5
    assert saves(1, 0.0)["batch saves little"] is None
    assert saves(0, 1.0)["batch saves little"] is None


@given(st.lists(st.tuples(st.floats(0.01, 9), st.integers(0, 3), st.integers(0, 50)), min_size=2, max_size=9))
def test_an_engine_is_busy_for_no_longer_than_it_was_watched_and_not_for_nothing(steps):
    watch, at, generated, looks = Watch(), 0.0, 0.0, []
    for pause, running, made in steps:
        at, generated = at + pause, generated + made
        looks.append(Look(at, running, generated))
    for before, after in pairwise(looks):
        watch.between(before, after)
    watched = looks[-1].at_s - looks[0].at_s
    assert watch.tokens == sum(made for _, _, made in steps[1:])
    assert 0 <= watch.busy_s <= watched * (1 + 1e-9)
    if all(running for _, running, _ in steps):
        assert watch.busy_s == pytest.approx(watched)
    if any(made for _, _, made in steps[1:]):
        assert watch.busy_s > 0


def test_work_shorter_than_the_time_between_two_looks_is_seen(stub):
    async def short():
        begun = time.perf_counter()
        async with httpx.AsyncClient(trust_env=False) as http, watching(http, stub) as watch:
            body = {"model": stub.model, "messages": [{"role": "user", "content": "x"}], "max_tokens": 2}
            headers = {"authorization": f"Bearer {stub.api_key}"}
            reply = await http.post(f"{stub.base_url}/chat/completions", json=body, headers=headers)
            reply.raise_for_status()
        return watch, time.perf_counter() - begun

    watch, watched_s = asyncio.run(short())
    assert watch.tokens == 2
    assert 0 < watch.busy_s < watched_s


async def test_an_engine_that_is_too_busy_to_say_is_not_taken_for_an_idle_one(monkeypatch):
    said = [httpx.ReadTimeout("busy"), 1.0, httpx.ConnectTimeout("busy"), 0.0]

    async def load():
        found = said.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(yielding, "engine_load", lambda http, url: load)
    await drained(types.SimpleNamespace(base_url="http://127.0.0.1:1/v1"), 60.0)
    assert said == []


async def test_a_look_that_finds_room_lets_as_many_low_jobs_start_and_no_more(monkeypatch):
    monkeypatch.setattr(yielding, "_LOOK_S", 60.0)  # a look stays fresh however slow the machine is
    looks = []

    async def load():
        looks.append(1)
        return 3.0

    gate = yielding.Yielding(load, most=6, longest_s=120.0)
    for _ in range(3):
        await gate()
    assert len(looks) == 1
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await gate()


async def test_low_jobs_wait_while_the_engine_is_full(monkeypatch):
    monkeypatch.setattr(yielding, "_LOOK_S", 0.01)
    loads = [9.0, 6.0, 5.0]

    async def load():
        return loads.pop(0)

    await yielding.Yielding(load, most=6, longest_s=60.0)()
    assert loads == []


async def test_a_low_job_starts_after_its_longest_wait_and_when_the_engine_does_not_say():
    async def busy():
        return 99.0

    async def silent():
        raise httpx.ConnectError("no")

    async with asyncio.timeout(5):
        await yielding.Yielding(busy, most=1, longest_s=0.2)()
        await yielding.Yielding(silent, most=1, longest_s=60.0)()


def test_stored_libraries_are_drawn():
    rows = [
        {"target": f"{name}, killed", "metric": metric, "median": float(value)}
        for name, values in {"one": (10, 0, 3), "two": (9, 4, 2)}.items()
        for metric, value in zip(
            ("jobs per second", "lost", "longest from first start to end"), values, strict=True
        )
    ]  # fmt: skip
    figure = q7_running.libraries(rows, "one")
    drawn(figure)
    assert figure.axes[1].patches[0].get_width() == 4


def test_quantiles_of_live_streams_are_none_without_an_answer():
    assert modes_lane.Beside(2, (), 3, 0.0).quantile(0.5) is None
    assert modes_lane.Beside(2, (1.0, 3.0), 2, 0.0).quantile(0.5) == np.float64(2.0)


def test_a_job_that_kills_its_worker_becomes_a_dead_letter_and_blocks_nobody(service):
    given = {**service.jobs.model_dump(exclude_unset=True), "prefix": "wb:{poison}", "lease_s": 1.0, "redeliver_s": 0.7}
    one = asyncio.run(modes_fleet.poisoned(type(service.jobs)(**given), others=6))
    assert one.good == one.others == 6
    assert one.tries == one.deaths == 2
    assert "lost" in one.reason


def test_a_death_that_is_seen_only_after_the_last_job_was_given_up_counts(service, monkeypatch):
    gone, left = [0, 1], [1, 0]

    class Fleet:
        def reap(self):
            return gone.pop(0)

    async def unfinished(self):
        return left.pop(0)

    monkeypatch.setattr(fleets, "running", lambda *given, **options: contextlib.nullcontext(Fleet()))
    monkeypatch.setattr(JobStore, "unfinished", unfinished)
    given = {**service.jobs.model_dump(exclude_unset=True), "prefix": "wb:{late}"}
    assert asyncio.run(modes_fleet.poisoned(type(service.jobs)(**given), others=0)).deaths == 1
