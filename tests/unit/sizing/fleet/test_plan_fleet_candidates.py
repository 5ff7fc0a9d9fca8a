"""Candidates: every combination is there once, and one that is out says by which number and limit."""

from __future__ import annotations

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan_fleets import SMALL, engine, engine_for

from reference.sizing.fleet.plan.candidates import batched_tokens, candidates, floors, load_of
from reference.sizing.fleet.plan.formula import Load, full_replica, seconds_floor, tpot_floor_s, ttft_floor_s
from reference.sizing.fleet.plan.requirements import Requirements
from reference.sizing.hardware import accelerator


def by_name(requirements):
    return {one.name: one for one in candidates(requirements, engine_for)}


def test_every_combination_is_listed_once():
    wanted = Requirements()
    made = candidates(wanted, engine_for)
    assert len(made) == len({one.name for one in made}) == len(wanted.gpus) * 4 * len(wanted.dtypes)


def test_what_is_out_names_a_number_and_what_is_in_has_engine_and_price():
    for one in candidates(Requirements(), engine_for):
        if one.engine is None:
            assert re.search(r"\d", one.reason)
            assert one.usd_per_hour is None
        else:
            assert one.reason == ""
            assert one.usd_per_hour == pytest.approx(one.gpus * {"h100": 6.88, "a100-80": 3.673}[one.gpu])


def test_reasons_are_memory_latency_and_price():
    made = by_name(Requirements())
    assert "68.95 GB short" in made["bf16 on 1 x h100"].reason
    assert "What would fit" in made["bf16 on 1 x h100"].reason
    assert re.search(r"TTFT floor [\d,]+ ms is above the target of 500 ms", made["fp8 on 8 x l4"].reason)
    assert "0 dated prices" in made["fp8 on 2 x h200"].reason
    slow = by_name(Requirements(tpot_ms=8, ttft_ms=5000))
    assert re.search(r"TPOT floor [\d.]+ ms is above the target of 8.0 ms", slow["bf16 on 4 x a100-80"].reason)


def test_heads_that_cannot_be_shared_are_a_reason():
    made = by_name(Requirements(model="qwen2.5-7b"))
    assert "28 attention heads, which 8 GPUs" in made["bf16 on 8 x h100"].reason


def test_a_price_of_ones_own_brings_a_gpu_in():
    made = by_name(Requirements(prices={"h200": 6.0}))
    assert made["fp8 on 2 x h200"].usd_per_hour == 12.0
    assert "given" in made["fp8 on 2 x h200"].price_note


def test_batched_tokens_follow_the_gpu_unless_asked_for():
    assert batched_tokens(accelerator("h100"), Requirements()) == 8192
    assert batched_tokens(accelerator("a100-80"), Requirements()) == 2048
    assert batched_tokens(accelerator("h100"), Requirements(max_num_batched_tokens=4096)) == 4096


loads = st.builds(
    lambda n_in, n_out, share: Load(n_in, n_out, n_in * share, n_in * share),
    st.floats(10, 900), st.floats(2, 100), st.floats(0, 0.9),
)  # fmt: skip


@pytest.mark.slow
@given(loads, st.floats(0.021, 0.5))
def test_the_guess_stays_below_the_roof_and_its_limits(load, tpot_s):
    model = engine()
    guess = full_replica(model, load, tpot_s)
    assert guess.rate * seconds_floor(model, load) <= 1 + 1e-9
    assert 1 <= guess.in_flight <= model.limits.max_num_seqs
    assert guess.tpot_s <= tpot_s + 1e-9 or guess.in_flight == 1


@pytest.mark.slow
@given(loads, st.floats(0.021, 0.4), st.floats(1.0, 2.0))
def test_a_looser_tpot_never_lowers_the_guess(load, tpot_s, more):
    model = engine()
    assert full_replica(model, load, tpot_s * more).rate >= full_replica(model, load, tpot_s).rate * (1 - 1e-9)


def test_the_floors_are_those_of_an_idle_replica():
    model = engine(base=0.02, per_token=1e-4)
    assert ttft_floor_s(model, 101) == pytest.approx(0.002 + 0.02 + 100 * 1e-4)
    assert ttft_floor_s(model, 101, cached=100) == pytest.approx(0.002 + 0.02)
    assert tpot_floor_s(model, 1000) == pytest.approx(0.02 + 1000e-8)
    both = dataclasses.replace(SMALL, ttft_ms=10, tpot_ms=10)
    assert [text[:4] for text, _ in floors(both, model)] == ["TTFT", "TPOT"]
    assert all(ratio > 1 for _, ratio in floors(both, model))
    assert floors(SMALL, model) == []


def test_without_prefix_caching_nothing_is_cached():
    model = engine()
    off = dataclasses.replace(model, limits=dataclasses.replace(model.limits, prefix_caching=False))
    assert ttft_floor_s(off, 400, cached=300) == ttft_floor_s(model, 400)
    assert load_of(SMALL).cached == SMALL.shared_prefix
