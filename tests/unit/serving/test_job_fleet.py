"""How many workers a queue needs."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.serving.jobs.fleet import wanted_workers
from reference.serving.jobs.model import Lane
from reference.serving.jobs.settings import JobSettings, JobSettingsError


@pytest.mark.slow
@settings(deadline=None)
@given(
    st.integers(0, 10**6), st.floats(0, 100, allow_subnormal=False), st.integers(1, 64), st.floats(0.1, 1000),
    st.integers(0, 5), st.integers(5, 50),
)  # fmt: skip
def test_the_answer_clears_the_queue_in_time_unless_the_bound_forbids(depth, service_s, slots, wait_s, least, most):
    wanted = wanted_workers(depth, service_s, slots, wait_s, least, most)
    assert least <= wanted <= most
    if wanted < most:
        assert depth * service_s <= wanted * slots * wait_s * (1 + 1e-9)
    assert wanted_workers(depth + 1, service_s, slots, wait_s, least, most) >= wanted


def test_an_empty_queue_needs_the_least():
    assert wanted_workers(0, 1.0, 4, 10, 0, 8) == 0


@pytest.mark.parametrize("bad", [{"target_wait_s": 0}, {"slots": 0}, {"least": 9}, {"service_s": -1}])
def test_senseless_bounds_are_refused(bad):
    good = {"depth": 1, "service_s": 1.0, "slots": 4, "target_wait_s": 5.0, "least": 0, "most": 8}
    with pytest.raises(ValueError, match="wanted_workers"):
        wanted_workers(**{**good, **bad})


def test_settings_come_from_the_environment_and_wrong_ones_are_named():
    found = JobSettings.from_env({"JOBS_SLOTS_LOW": "3", "PATH": "x"})
    assert found.slots(Lane.LOW) == 3
    with pytest.raises(JobSettingsError, match="JOBS_LEASE_S"):
        JobSettings.from_env({"JOBS_LEASE_S": "0"})
    with pytest.raises(JobSettingsError, match="no such setting"):
        JobSettings.from_env({"JOBS_COLOUR": "red"})
    with pytest.raises(JobSettingsError, match="redeliver_s"):
        JobSettings.from_env({"JOBS_LEASE_S": "30"})
