"""Six strategies as pure functions: what each one moves, what it adds, and that nothing is lost on the way."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan_strategies import lines, shares

from reference.sizing.bill.lines import Line
from reference.sizing.bill.plan import NAMES, PlanAssumptions
from reference.sizing.bill.plan.strategies import (
    Usage,
    batching,
    caching,
    dollars,
    embeddings,
    prompts,
    routing,
    small_model,
)
from reference.sizing.bill.plan.subsets import Figures, apply
from reference.sizing.bill.prices import cost_of, model_price

HOSTING: dict[str, Any] = {"rate": 1000.0, "utilisation": 0.5, "price_per_hour": 2.0, "hours": 730.0}
STRONG = Line("gpt-4o", 1000, 800_000, 400_000, feature="search")
CHEAP = Line("gpt-3.5-turbo", 2000, 1_000_000, 200_000)
TEXTS = Line("text-embedding-3-small", 5000, 1_000_000, kind="embedding")
BILL = (STRONG, CHEAP, TEXTS)


def total(some: Any, field: str) -> float:
    return math.fsum(getattr(line, field) for line in some)


@pytest.mark.slow
@given(bill=lines, share=shares)
def test_routing_moves_requests_and_loses_none(bill: tuple[Line, ...], share: float) -> None:
    done = routing(bill, to={"gpt-4o": "gpt-4o-mini"}, share=share)
    for field in ("requests", "input_tokens", "output_tokens", "cached_tokens"):
        assert total(done.lines, field) == pytest.approx(total(bill, field))
    before = sum(line.requests for line in bill if line.model == "gpt-4o")
    after = sum(line.requests for line in done.lines if line.model == "gpt-4o")
    assert after == pytest.approx(before * (1 - share))


def test_routing_asks_the_router_about_every_request_of_a_routed_model_only() -> None:
    done = routing(BILL, to={"gpt-4o": "gpt-4o-mini"}, share=0.25, router_cost=0.01, monthly=7.0)
    assert done.added["router"] == pytest.approx(1000 * 0.01 + 7)
    assert [line.model for line in done.lines] == ["gpt-4o", "gpt-4o-mini", "gpt-3.5-turbo", "text-embedding-3-small"]
    assert done.lines[1].requests == 250
    assert routing((CHEAP,), to={"gpt-4o": "gpt-4o-mini"}, share=0.25, monthly=7.0).extra == 0


def test_routing_knows_a_model_by_its_dated_name_and_a_share_by_its_feature() -> None:
    dated = Line("gpt-4o-2024-08-06", 100, 1000, feature="search")
    other = Line("gpt-4o", 100, 1000, feature="chat")
    done = routing((dated, other), to={"gpt-4o": "gpt-4o-mini"}, share=lambda name: 1.0 if name == "search" else 0.0)
    assert [(line.model, line.feature) for line in done.lines] == [("gpt-4o-mini", "search"), ("gpt-4o", "chat")]


def test_caching_prices_false_answers_and_lookups() -> None:
    done = caching(
        BILL, exact=0.2, semantic=0.1, false_hits=0.05, false_cost=2.0, lookup_cost=0.001, monthly=11.0
    )  # fmt: skip
    asked = STRONG.requests + CHEAP.requests
    assert done.added["false answers"] == pytest.approx(asked * 0.1 * 0.05 * 2)
    assert done.added["cache"] == pytest.approx(asked * 0.8 * 0.001 + 11)
    assert done.lines[0].output_tokens == pytest.approx(STRONG.output_tokens * 0.7)
    assert done.lines[2] == TEXTS


@given(bill=lines, exact=shares, semantic=shares)
def test_hits_never_pass_all_requests(bill: tuple[Line, ...], exact: float, semantic: float) -> None:
    done = caching(bill, exact=exact, semantic=semantic)
    left = sum(line.requests for line in done.lines if line.kind == "chat")
    asked = sum(line.requests for line in bill if line.kind == "chat")
    assert left == pytest.approx(asked * max(0.0, 1 - exact - semantic), abs=asked * 1e-9 + 1e-9)


def test_prompt_cache_reads_long_prompts_only_and_never_takes_hits_away() -> None:
    short, long = Line("gpt-4o", 10, 10_000, 1), Line("gpt-4o", 10, 11_000, 1)
    seen = Line("gpt-4o", 10, 11_000, 1, cached_tokens=9_000)
    done = caching((short, long, seen), exact=0.0, semantic=0.0, prefix_share=0.5)
    assert [line.cached_tokens for line in done.lines] == [0.0, 5500.0, 9000.0]


def test_shorter_prompts_shrink_each_part_by_its_factor() -> None:
    done = prompts(
        BILL, system_share=0.25, system_factor=0.25, example_share=0.5, example_factor=0.4, output_factor=0.8
    )  # fmt: skip
    assert done.lines[0].input_tokens == pytest.approx(800_000 * (0.25 * 0.25 + 0.5 * 0.4 + 0.25))
    assert done.lines[0].output_tokens == pytest.approx(400_000 * 0.8)
    assert done.lines[0].requests == STRONG.requests
    assert done.lines[2] == TEXTS
    assert done.extra == 0


@pytest.mark.slow
@given(bill=lines, share=shares, texts=shares)
def test_a_batch_saves_the_discount_of_what_waits(bill: tuple[Line, ...], share: float, texts: float) -> None:
    done = batching(bill, share=share, embedding_share=texts)
    saved = sum(
        cost_of((line,)) * (share if line.kind == "chat" else texts) * (1 - model_price(line.model).batch)
        for line in bill
        if not line.batch
    )
    assert cost_of(done.lines) == pytest.approx(cost_of(bill) - saved)


def test_a_provider_without_a_known_discount_gets_no_batch() -> None:
    line = Line("mistral-large-latest", 10, 1000, 1000)
    assert model_price(line.model).batch == 1
    assert batching((line,), share=0.5).lines == (line,)


def test_embeddings_are_replaced_by_whole_gpus_and_people() -> None:
    month = 1000.0 * 0.5 * 730 * 3600
    for tokens, gpus in ((month * 0.1, 2), (month * 2, 2), (month * 2.01, 3)):
        bill = (STRONG, Line("text-embedding-3-small", 10, tokens, kind="embedding"))
        done = embeddings(bill, replicas=2, ops=100.0, **HOSTING)
        assert done.lines == (STRONG,)
        assert done.added == {"GPUs": pytest.approx(gpus * 2 * 730), "operation": 100.0}
    nothing = embeddings((STRONG,), replicas=2, ops=100.0, **HOSTING)
    assert (nothing.lines, nothing.extra) == ((STRONG,), 0)


def test_small_model_takes_the_simple_share_of_cheap_calls_and_counts_both_ways_of_tokens() -> None:
    month = 1000.0 * 0.5 * 730 * 3600
    cheap = Line("gpt-3.5-turbo", 100, month * 2, month * 2)
    done = small_model((STRONG, cheap), models=("gpt-3.5-turbo",), share=0.75, replicas=1, ops=5.0, **HOSTING)
    assert done.lines[0] == STRONG
    assert done.lines[1].requests == pytest.approx(25)
    assert done.added["GPUs"] == pytest.approx(3 * 2 * 730)


@pytest.mark.parametrize("name", NAMES)
def test_no_lines_make_no_lines_and_no_cost(name: str) -> None:
    done = apply(name, (), Figures.expected(PlanAssumptions()))
    assert (done.lines, done.extra) == ((), 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@given(bill=lines, seed=st.integers(0, 99))
def test_arrays_of_draws_give_what_each_draw_gives_alone(name: str, bill: tuple[Line, ...], seed: int) -> None:
    drawn = Figures.drawn(PlanAssumptions(), 3, seed)
    many = apply(name, tuple(Usage(**vars(line)) for line in bill), drawn)
    together = np.broadcast_to(dollars(many.lines) + many.extra, 3)
    for i in range(3):
        alone = Figures({k: float(v[i]) for k, v in drawn.values.items()}, {}, drawn.routes, drawn.small_models)
        one = apply(name, bill, alone)
        assert together[i] == pytest.approx(cost_of(one.lines) + one.extra, rel=1e-9, abs=1e-9)
        assert cost_of(one.lines) >= 0
        assert one.extra >= 0
