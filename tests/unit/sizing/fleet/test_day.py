"""A day of traffic: factors with mean 1, shares and regions as given, and workloads that keep the rules of Workload."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.sizing import traffic
from reference.sizing.fleet import published
from reference.sizing.fleet.day import DayProfile, day_workload
from reference.sizing.fleet.lengths import Lengths
from reference.sizing.fleet.sessions import Sessions
from reference.sizing.fleet.workload import Workload

TEXT = Lengths.lognormal_from(median=40, mean=70)
ANSWER = Lengths.lognormal_from(median=100, p99=600)


def _hours(workload: Workload) -> np.ndarray:
    """Requests of each hour over the mean hour."""
    return np.bincount((workload.arrived // 3600).astype(int), minlength=24) / workload.requests * 24


@st.composite
def days(draw: st.DrawFn) -> DayProfile:
    kind = draw(st.sampled_from(["diurnal", "smooth", "of", "flat"]))
    if kind == "diurnal":
        hours = draw(st.floats(1, 20))
        return DayProfile.diurnal(draw(st.floats(hours / 24, 1)), hours, start=draw(st.floats(0, 23.9)))
    if kind == "smooth":
        trough = draw(st.floats(0, 0.8))
        return DayProfile.smooth(1 + (1 - trough) * draw(st.floats(0.5, 3)), trough, peak_hour=draw(st.integers(0, 23)))
    if kind == "of":
        return DayProfile.of(
            draw(st.lists(st.floats(0.1, 9), min_size=24, max_size=24)),
            linear=draw(st.booleans()),
            weekdays=draw(st.lists(st.floats(0.1, 2), min_size=7, max_size=7)),
        )
    return DayProfile.flat()


@given(days(), st.floats(-30, 30), st.integers(-2, 30), st.integers(0, 6))
def test_a_mean_day_brings_the_messages_of_a_mean_day(day: DayProfile, shift: float, hour: int, weekday: int) -> None:
    moved = day.shifted(shift)
    assert sum(moved.hourly) == pytest.approx(24)
    week = moved.rates(86400, 24 * 7, from_hour=hour, weekday=weekday)
    assert week.total == pytest.approx(7 * 86400, rel=1e-6)
    assert week.horizon_s == pytest.approx(7 * 86400)


@given(st.floats(0.34, 1), st.floats(1, 8), st.floats(0, 23.9))
def test_the_busy_hours_carry_their_share(share: float, hours: float, start: float) -> None:
    """As in `traffic.py`: 70 % of the messages in 8 hours are 2.1 times the mean rate there."""
    day = DayProfile.diurnal(share, hours, start=start)
    assert sum(day.hourly) == pytest.approx(24)
    if hours >= 2:
        assert day.peak == pytest.approx(traffic.diurnal_factor(share, hours))
        assert day.trough == pytest.approx(traffic.trough_factor(share, hours))
    whole = DayProfile.diurnal(0.7, 8, start=9)
    busy = whole.rates(1000, 8, from_hour=9)
    assert busy.total == pytest.approx(700)
    assert busy.at([0, 3600 * 7.9]) == pytest.approx([1000 / 86400 * 2.1] * 2)


@given(st.floats(1.1, 3), st.floats(0.0, 0.9), st.integers(0, 23))
def test_a_smooth_day_has_its_peak_and_trough_where_they_were_asked_for(peak: float, trough: float, hour: int) -> None:
    try:
        day = DayProfile.smooth(peak, trough, peak_hour=hour)
    except ValueError:
        assert (1 - trough) / (peak - trough) > 0.95
        return
    assert day.hourly[hour] == day.peak == pytest.approx(peak)
    assert day.hourly[(hour + 12) % 24] == day.trough == pytest.approx(trough)
    assert sum(day.hourly) == pytest.approx(24)


def test_a_published_day_has_the_published_peak_and_trough() -> None:
    peak, trough = published.AZURE_2024_CODE_PEAK.value, published.AZURE_2024_CODE_TROUGH.value
    rates = DayProfile.smooth(peak, trough).rates(86400)
    at = rates.at((np.arange(24) + 0.5) * 3600)
    assert at.max() == pytest.approx(peak)
    assert at.min() == pytest.approx(trough)


def test_a_shift_moves_the_day_and_back_again() -> None:
    day = DayProfile.diurnal(0.7, 8, start=9)
    assert day.shifted(3).hourly == pytest.approx(DayProfile.diurnal(0.7, 8, start=12).hourly)
    assert day.shifted(-8).hourly == pytest.approx(DayProfile.diurnal(0.7, 8, start=1).hourly)
    assert day.shifted(5).shifted(-5).hourly == pytest.approx(day.hourly)
    assert day.shifted(0.5).hourly == pytest.approx(DayProfile.diurnal(0.7, 8, start=9.5).hourly)


def test_days_of_the_week_are_told_apart() -> None:
    week = DayProfile.of([1] * 24, weekdays=[2, 2, 2, 2, 2, 1, 1])
    rates = week.rates(1200, 48, weekday=4)
    assert rates.at([3600 * 23.9, 3600 * 24.1]) == pytest.approx([1200 / 86400 * 7 / 6, 1200 / 86400 * 7 / 12])
    assert week.rates(1200, 24, weekday=-1).total == pytest.approx(week.rates(1200, 24, weekday=6).total)


@given(
    days(),
    st.booleans(),
    st.integers(0, 300),
    st.one_of(st.none(), st.integers(400, 2000)),
    st.one_of(st.none(), st.integers(0, 1500)),
    st.booleans(),
    st.floats(1, 5),
    st.sampled_from([1.0, 2.0]),
    st.integers(0, 2**32),
)
@settings(max_examples=40)
def test_workloads_keep_the_rules(
    day: DayProfile, talk: bool, shared: int, limit: int | None, window: int | None, keeps: bool, burst: float,
    cv: float, seed: int,
) -> None:  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = day_workload(
            3000, day, TEXT, ANSWER, sessions=Sessions(window=window, cut_keeps_prefix=keeps) if talk else None,
            shared=shared, regions=[(0.6, 0), (0.4, 7.5)], burst=burst, cv=cv, seed=seed, max_model_len=limit,
        )  # fmt: skip
    assert (np.diff(made.arrived) >= 0).all()
    assert made.horizon_s == 86400
    assert (made.shared == shared).all()
    assert (made.shared + made.history < made.n_in).all()
    assert made.n_out.min() >= 1
    if limit is not None:
        assert (made.n_in.astype(int) + made.n_out <= limit).all()
    if window is not None:
        assert (made.history <= window).all()
    if not talk:
        assert (made.session == -1).all()
        assert (made.history == 0).all()


def test_a_conversation_goes_on_where_it_was() -> None:
    """Every turn's history is the last turn's prompt and answer without the shared part, in the workload itself."""
    made = day_workload(20_000, DayProfile.flat(), TEXT, ANSWER, sessions=Sessions(window=800), shared=150, seed=3)
    order = np.argsort(made.session, kind="stable")
    session, n_in, n_out, history = (a[order].astype(int) for a in (made.session, made.n_in, made.n_out, made.history))
    follows = np.flatnonzero(session[1:] == session[:-1]) + 1
    assert follows.size > 10_000
    assert (history[follows] == np.minimum(800, n_in[follows - 1] + n_out[follows - 1] - 150)).all()
    region = made.region[order]
    assert (region[follows] == region[follows - 1]).all()


def test_a_sliding_window_leaves_no_history_to_find() -> None:
    arguments = {"profile": DayProfile.flat(), "prompt": TEXT, "output": ANSWER, "seed": 3}
    keeps = day_workload(20_000, sessions=Sessions(window=800), **arguments)
    breaks = day_workload(20_000, sessions=Sessions(window=800, cut_keeps_prefix=False), **arguments)
    assert (keeps.n_in == breaks.n_in).all()
    assert (breaks.history[keeps.history == 800] == 0).mean() > 0.99
    same = keeps.history < 800
    assert (breaks.history[same] == keeps.history[same]).all()


@pytest.mark.parametrize("talk", [False, True])
def test_as_many_messages_come_as_expected_and_when(talk: bool) -> None:
    """Conversations that began before midnight make up for those that end after the next."""
    day = DayProfile.smooth(1.8, 0.4)
    made = day_workload(400_000, day, TEXT, ANSWER, sessions=Sessions() if talk else None, seed=1)
    spread = (400_000 * (2 * 4.18 if talk else 1)) ** 0.5
    assert made.requests == pytest.approx(400_000, abs=6 * spread + (0.01 * 400_000 if talk else 0))
    expected = np.array([day.rates(24, 1, from_hour=h).total for h in range(24)])
    assert _hours(made) == pytest.approx(expected, abs=0.15 if talk else 0.05)


def test_regions_get_their_shares_at_their_own_hours() -> None:
    day = DayProfile.diurnal(0.7, 8, start=9)
    made = day_workload(300_000, day, TEXT, ANSWER, regions=[(0.5, 0), (0.3, -8), (0.2, 8)], seed=2)
    assert np.bincount(made.region) / made.requests == pytest.approx([0.5, 0.3, 0.2], abs=0.01)
    for region, shift in enumerate((0, -8, 8)):
        hours = np.bincount((made.arrived[made.region == region] // 3600).astype(int), minlength=24)
        assert hours / hours.sum() * 24 == pytest.approx(day.shifted(shift).hourly, abs=0.15)


def test_a_flash_crowd_comes_when_it_was_told_to() -> None:
    for talk in (None, Sessions(turns_mean=1.0)):
        made = day_workload(
            200_000, DayProfile.flat(), TEXT, ANSWER, sessions=talk, flash=(5.0, 36_000.0, 1800.0), seed=2
        )
        halves = np.bincount((made.arrived // 1800).astype(int), minlength=48)
        assert halves[20] / np.median(halves) == pytest.approx(5, rel=0.05)
        assert halves[19] / np.median(halves) == pytest.approx(1, rel=0.1)


def test_bursts_make_the_busiest_minute_busier() -> None:
    calm, rough = (
        np.bincount((day_workload(500_000, DayProfile.flat(), TEXT, ANSWER, burst=b, seed=4).arrived // 60).astype(int))
        for b in (1.0, 1.56)
    )
    assert calm.max() / calm.mean() < 1.3
    assert rough.max() / rough.mean() > 1.45


def test_prompts_that_do_not_fit_are_cut_and_counted() -> None:
    long = Lengths.empirical([800, 2000])
    with pytest.warns(UserWarning, match="cut to fit max_model_len = 1,000") as told:
        made = day_workload(5000, DayProfile.flat(), long, Lengths.constant(100), max_model_len=1000)
    assert set(made.n_in) == {800, 900}
    assert f"{(made.n_in == 900).sum():,} of {made.requests:,} prompts" in str(told[0].message)
    assert told[0].filename == __file__


def test_the_oldest_history_goes_first_when_a_prompt_does_not_fit() -> None:
    new, answer = Lengths.constant(300), Lengths.constant(100)
    with pytest.warns(UserWarning, match="prompts"):
        made = day_workload(3000, DayProfile.flat(), new, answer, sessions=Sessions(), shared=50, max_model_len=1000)
    # 50 shared, 300 new and 100 to come leave 550 of the 400 that each earlier turn has.
    assert set(made.history) == {0, 400, 550}
    assert set(made.n_in) == {350, 750, 900}


def test_prompts_that_fit_are_left_alone_and_not_mentioned() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = day_workload(500, DayProfile.flat(), Lengths.constant(900), Lengths.constant(100), max_model_len=1000)
    assert set(made.n_in) == {900}


def test_the_same_seed_gives_the_same_day_and_another_another() -> None:
    def make(seed: int) -> Workload:
        return day_workload(2000, DayProfile.flat(), TEXT, ANSWER, sessions=Sessions(), burst=2.0, seed=seed)

    assert np.array_equal(make(1).arrived, make(1).arrived)
    assert np.array_equal(make(1).n_in, make(1).n_in)
    assert not np.array_equal(make(1).arrived, make(2).arrived)


@pytest.mark.parametrize("talk", [None, Sessions()])
def test_no_messages_are_an_empty_workload(talk: Sessions | None) -> None:
    made = day_workload(0, DayProfile.flat(), TEXT, ANSWER, sessions=talk, max_model_len=1000)
    assert made.requests == 0
    assert made.horizon_s == 86400


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"messages": -1}, "messages must be finite and not negative"),
        ({"messages": float("nan")}, "messages must be finite"),
        ({"hours": 0}, "hours must be positive"),
        ({"regions": []}, "regions must have positive shares"),
        ({"regions": [(0.5, 0)]}, "shares of regions must sum to 1, got 0.5"),
        ({"shared": -1}, "shared must be a number of tokens"),
        ({"shared": 999, "max_model_len": 1000}, r"max_model_len \(1000\) must hold shared \(999\)"),
        ({"flash": (2.0, 90_000.0, 60.0)}, "flash must start within the 86400 s"),
        ({"burst": 11.0}, "factor must lie between 1 and"),
        ({"cv": 0.0}, "cv must be positive"),
    ],
)
def test_bad_days_are_refused_by_name(arguments: dict, named: str) -> None:
    given_arguments = {"messages": 100, "profile": DayProfile.flat(), "prompt": TEXT, "output": ANSWER} | arguments
    with pytest.raises(ValueError, match=named):
        day_workload(**given_arguments)


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: DayProfile((1.0,) * 23), "hourly must be 24 factors"),
        (lambda: DayProfile((2.0,) * 24), "hourly must have a mean of 1, got 2"),
        (lambda: DayProfile((-1.0, 3.0) * 12), "hourly must be 24 factors, none negative"),
        (lambda: DayProfile((1.0,) * 24, weekdays=(1.0,) * 6), "weekdays must be 7 factors"),
        (lambda: DayProfile.of([0] * 24), "hourly must have a positive sum"),
        (lambda: DayProfile.smooth(0.9, 0.5), "peak_to_mean must lie above 1"),
        (lambda: DayProfile.smooth(1.5, 1.0), r"trough_to_mean in \[0, 1\)"),
        (lambda: DayProfile.smooth(1.01, 0.0), "no 24 hours have a mean of 1"),
        (lambda: DayProfile.diurnal(0.7, 8, start=24), "start must be an hour of the day"),
        (lambda: DayProfile.diurnal(0.2, 8), "these are not the busy hours"),
        (lambda: DayProfile.flat().shifted(float("nan")), "hours must be a number"),
    ],
)
def test_bad_profiles_are_refused_by_name(make, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        make()
