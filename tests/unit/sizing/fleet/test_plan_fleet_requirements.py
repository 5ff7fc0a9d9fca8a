"""Requirements: defaults that agree with question 1, lengths that keep what is given, faults that name their field."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.sizing.claims.q1 import Q1Assumptions
from reference.sizing.fleet.plan.demand import as_sessions, draw, lengths
from reference.sizing.fleet.plan.from_toml import TABLES, example, parse, read, to_dict
from reference.sizing.fleet.plan.requirements import Requirements
from reference.sizing.units import magnitude


def test_the_default_question_is_question_1():
    mine, theirs = Requirements(), Q1Assumptions()
    assert mine.peak_rate == pytest.approx(magnitude(theirs.peak, "request/s"))
    assert mine.quantile("prompt", 99) == pytest.approx(magnitude(theirs.prompt_high, "token/request"))
    assert mine.quantile("output", 50) == pytest.approx(magnitude(theirs.output_low, "token/request"))
    for name, unit in (("prompt", "token/request"), ("output", "token/request")):
        assert getattr(mine, f"{name}_mean") == magnitude(getattr(theirs, name), unit)
    for name, unit in (("provision", "s"), ("image_pull", "s"), ("warm_up", "s")):
        assert getattr(mine, f"{name}_s") == magnitude(getattr(theirs, name), unit)
    assert (mine.busy_share, mine.busy_hours, mine.burst) == (theirs.busy_share, theirs.busy_hours, theirs.burst)
    assert mine.shared_prefix == magnitude(theirs.shared_prefix, "token/request")
    assert (mine.model, mine.max_context) == (theirs.model, magnitude(theirs.max_context, "token/request"))
    assert mine.load_gb_per_s == magnitude(theirs.load_bandwidth, "GB/s")
    assert (mine.ttft_ms, mine.tpot_ms) == (
        magnitude(theirs.ttft_target, "ms"),
        magnitude(theirs.tpot_target, "ms/token"),
    )


@given(st.floats(20, 2000), st.floats(1.01, 12))
def test_lengths_keep_their_mean_and_p99(mean, ratio):
    wanted = Requirements(
        prompt_mean=mean, prompt_p99=mean * ratio, output_mean=5, shared_prefix=0, max_context=131_072
    )
    assert wanted.quantile("prompt", 99) == pytest.approx(mean * ratio, rel=1e-6)
    sigma = wanted.sigma("prompt")
    assert wanted.quantile("prompt", 50) * np.exp(sigma**2 / 2) == pytest.approx(mean, rel=1e-6)


def test_drawn_lengths_have_the_given_mean_and_fit_the_context():
    wanted = Requirements()
    n_in, n_out = lengths(wanted, 200_000, np.random.default_rng(1))
    assert n_in.mean() == pytest.approx(wanted.prompt_mean, rel=0.03)
    assert n_out.mean() == pytest.approx(wanted.output_mean, rel=0.03)
    assert (n_in + n_out).max() <= wanted.max_context
    assert n_in.min() > wanted.shared_prefix
    assert n_out.min() >= 1


def test_a_peak_has_the_same_requests_at_every_rate():
    peak = draw(Requirements(), 500, 3)
    slow, fast = peak.at(10), peak.at(40)
    assert (slow.n_in == fast.n_in).all()
    np.testing.assert_allclose(slow.arrived, 4 * fast.arrived)
    assert 500 / slow.arrived[-1] == pytest.approx(10, rel=0.2)


@pytest.mark.parametrize("turns", [2, 5])
def test_sessions_arrive_at_the_rate_asked_for_from_the_first_second(turns):
    wanted = Requirements(turns=turns, turn_gap_s=5, shared_prefix=0)
    load = draw(wanted, 20_000, 0).at(100)
    half = load.horizon_s / 2
    for number in ((load.arrived < half).sum(), (load.arrived >= half).sum()):
        assert number / half == pytest.approx(100, rel=0.06)
    assert (load.history > 0).mean() == pytest.approx(1 - 1 / turns, abs=0.05)


def test_a_first_turn_repeats_nothing_and_the_second_half_of_its_own_text():
    wanted = Requirements(turns=2, turn_gap_s=1)
    load = as_sessions([0.0], 100.0, wanted, np.random.default_rng(0))
    assert list(load.session) == [0, 0]
    assert load.history[0] == 0
    assert load.history[1] == (load.n_in[1] - wanted.shared_prefix - 1) // 2


FAULTS = {
    "users": 0, "messages_per_user": -1, "prompt_mean": 0, "output_mean": float("nan"), "ttft_ms": 0, "tpot_ms": -5,
    "budget_usd": -1, "ttft_percentile": 49, "tpot_percentile": 99.95, "availability": 1.0, "busy_share": 0.0,
    "survive": "region", "model": "llama-9", "gpus": ("h1000",), "dtypes": ("bf8",), "region_shares": (0.5, 0.4),
    "max_gpus_per_replica": 16, "max_context": 10**7, "prices": {"h200": -1.0}, "shared_prefix": 1155, "turns": 0,
    "load_gb_per_s": 0, "burst": 0.9, "prompt_p99": 100.0, "output_median": 500.0, "max_num_batched_tokens": 10,
    "hours_per_month": 800,
}  # fmt: skip


@pytest.mark.parametrize(("field", "value"), FAULTS.items(), ids=FAULTS)
def test_a_fault_names_its_field(field, value):
    with pytest.raises(ValueError, match=field):
        Requirements(**{field: value})


def test_a_prompt_past_the_context_says_by_how_much():
    with pytest.raises(ValueError, match=r"take 36,0\d\d tokens, more than max_context \(8,192"):
        Requirements(prompt_mean=10_000)


def test_a_p99_that_no_lognormal_has_is_refused():
    with pytest.raises(ValueError, match=r"prompt_p99 must be below 15 times prompt_mean, got 1600"):
        Requirements(prompt_mean=100, prompt_p99=1600, shared_prefix=0)


def test_an_unknown_model_or_gpu_names_the_nearest_and_the_known():
    with pytest.raises(ValueError, match=r'did you mean "llama-3.1-70b"\?; known: llama-2-13b'):
        Requirements(model="llama-3.1-7b0")
    with pytest.raises(ValueError, match=r'did you mean "a100-80"\?; known: .*h200'):
        Requirements(gpus=("a100",))


def test_the_example_is_the_defaults_and_names_every_field():
    assert parse(example()) == Requirements()
    fields = {one.name for one in dataclasses.fields(Requirements)}
    assert {key for keys in TABLES.values() for key in keys} == fields
    for key in fields:
        assert key in example()


def test_a_file_is_read_with_its_prices(tmp_path):
    file = tmp_path / "wanted.toml"
    file.write_text('[traffic]\nusers = 5\n[money.prices]\nh200 = 6.5\n[engine]\ngpus = ["h200"]\n')
    wanted = read(file)
    assert (wanted.users, wanted.gpus, wanted.prices) == (5, ("h200",), {"h200": 6.5})
    assert magnitude(wanted.hardware("h200").price().usd_per_gpu_hour, "USD/gpu/h") == 6.5
    assert to_dict(wanted)["prices"] == {"h200": 6.5}


BAD_FILES = {
    "[slo]\nttft = 3": r'\[slo\] ttft is not known; did you mean "ttft_ms"\?',
    "[slo]\nusers = 3": r"\[slo\] users is not known: it belongs into \[traffic\]",
    "users = 3": r"\[users\] is not known: it belongs into \[traffic\]",
    "[trafic]\nusers = 3": r'\[trafic\] is not known; did you mean "traffic"',
    "traffic = 3": "traffic must be a table",
    "[engine]\ngpus = 'h100'": "gpus must be a list",
    "[engine]\nmodel = 3": "model must be a text",
    "[money]\nprices = 3": "must be a table of GPU kind",
    "users =": "is not TOML",
    "[traffic]\nusers = 'many'": "users must be a number above 0",
}


@pytest.mark.parametrize("text", BAD_FILES)
def test_a_bad_file_says_where_and_what(text):
    with pytest.raises(ValueError, match=BAD_FILES[text]):
        parse(text)
