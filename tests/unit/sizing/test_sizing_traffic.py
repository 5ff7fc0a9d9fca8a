import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.sizing import Q, average_rate, cold_start_time, magnitude, messages_per_day, peak_rate, replicas_for
from reference.sizing.traffic import AZURE_CHAT_BURST, AZURE_CODE_BURST, diurnal_factor, trough_factor

AVERAGE = average_rate(messages_per_day(Q(1e6, "user"), Q(10, "message/user/day")), Q(1, "request/message"))


def test_ten_million_messages_a_day_are_116_a_second() -> None:
    assert magnitude(AVERAGE, "request/s") == pytest.approx(115.74, abs=0.01)
    assert magnitude(AVERAGE, "rpm") == pytest.approx(6944.4, abs=0.1)


def test_peak_is_average_times_diurnal_times_burst() -> None:
    peak = peak_rate(AVERAGE, diurnal_factor(0.8, 10), AZURE_CHAT_BURST.value)
    assert magnitude(peak, "rpm") == pytest.approx(6944.4 * 1.92 * 1.56, rel=1e-3)


@given(share=st.floats(0.05, 1), hours=st.floats(1, 24))
def test_busy_and_quiet_hours_average_to_one(share: float, hours: float) -> None:
    if share < hours / 24:
        with pytest.raises(ValueError, match="not the busy hours"):
            diurnal_factor(share, hours)
        return
    mean = (diurnal_factor(share, hours) * hours + trough_factor(share, hours) * (24 - hours)) / 24
    assert mean == pytest.approx(1 if hours < 24 else share)


def test_burst_factors_are_cited() -> None:
    assert AZURE_CHAT_BURST.value == 1.56
    assert AZURE_CODE_BURST.value == 2.99
    assert AZURE_CHAT_BURST.evidence.badge == "CITED"
    assert "Azure" in AZURE_CHAT_BURST.evidence.summary()


@given(
    peak=st.floats(0, 5000), each=st.floats(0.01, 100), ceiling=st.floats(0.1, 0.95), spare=st.integers(0, 5),
    growth=st.floats(0, 2), cold=st.floats(0, 1000),
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::reference.sizing.bands.ImplausibleWarning")
def test_fleet_carries_its_peak_below_the_ceiling_with_one_replica_less_than_too_few(
    peak: float, each: float, ceiling: float, spare: int, growth: float, cold: float
) -> None:
    fleet = replicas_for(
        Q(peak, "request/s"), Q(each, "request/s/replica"), utilisation_ceiling=ceiling, spare=spare,
        growth=Q(growth, "request/s**2"), cold_start=Q(cold, "s"),
    )  # fmt: skip
    needed = magnitude(fleet.for_load, "replica")
    assert needed * each * ceiling >= peak * (1 - 1e-6)
    assert needed == 1 or (needed - 1) * each * ceiling < peak * (1 + 1e-6)
    assert magnitude(fleet.for_growth, "replica") * each >= growth * cold * (1 - 1e-6) - 1e-6 * each
    assert magnitude(fleet.total, "replica") == needed + spare + magnitude(fleet.for_growth, "replica")
    assert magnitude(fleet.utilisation_at_peak, "") <= ceiling * (1 + 1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"utilisation_ceiling": 1.0}, "queue never ends"),
        ({"utilisation_ceiling": 0.0}, "queue never ends"),
        ({"spare": -1}, "spare"),
        ({"growth": Q(1, "request/s**2")}, "belong together"),
        ({"cold_start": Q(1, "s")}, "belong together"),
        ({"per_replica": Q(0, "request/s/replica")}, "positive"),
    ],
)
def test_senseless_fleets_are_refused(arguments: dict[str, object], message: str) -> None:
    everything = {"peak": Q(100, "request/s"), "per_replica": Q(8, "request/s/replica"), **arguments}
    with pytest.raises(ValueError, match=message):
        replicas_for(**everything)  # type: ignore[arg-type]


def test_cold_start_reads_the_weights_once() -> None:
    took = cold_start_time(
        provision=Q(120, "s"), image_pull=Q(1, "min"), weights=Q(140, "GB"), load_bandwidth=Q(2, "GB/s"),
        warm_up=Q(60, "s"),
    )  # fmt: skip
    assert magnitude(took, "s") == pytest.approx(120 + 60 + 70 + 60)
