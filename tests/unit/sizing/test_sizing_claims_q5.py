"""Question 5: every figure is there, and every verdict is computed - change an assumption and it changes."""

import dataclasses
import functools
from typing import Any

import pytest
from claim_checks import assert_complete, assert_moves

from reference.sizing.bill.plan import PlanAssumptions, source_bill
from reference.sizing.bill.prices import model_price
from reference.sizing.claims import claims, judge
from reference.sizing.claims.ledger import Claim
from reference.sizing.claims.q5 import Q5Assumptions
from reference.sizing.hardware import accelerator
from reference.sizing.self_hosting import measured_rate
from reference.sizing.units import magnitude

pytestmark = pytest.mark.filterwarnings("ignore::reference.sizing.bands.ImplausibleWarning")
DEFAULT = {record.id: record for record in claims(5)}

# The assumptions under which the verdict of each claim must turn into another one.
FLIPS: dict[str, dict[str, Any]] = {
    "q5.gpt4-350k": {"gpt4_input": 4.375, "gpt4_output": 8.75},
    "q5.gpt4-70-percent": {"gpt4_row": 300_000.0},
    "q5.gpt35-80k": {"gpt35_tokens_high": 400.0},
    "q5.gpt35-16-percent": {"gpt35_row": 90_000.0},
    "q5.embeddings-50k": {"text_high": 1_000.0},
    "q5.embeddings-10-percent": {"embedding_row": 60_000.0},
    "q5.infrastructure-4-percent": {"total": 400_000.0},
    "q5.bill-500k": {"infrastructure": 30_000.0},
    "q5.bill-500k-at-list": {"gpt4_requests": 5.567e6},
    "q5.routing-250k": {"route_share": 0.76},
    "q5.routing-100k": {"routing_saving": 232_400.0},
    "q5.routing-10-percent": {"route_share": 0.90},
    "q5.routing-quality": {"weak_low": 0.95},
    "q5.cache-exact-20": {"wordings_high": 1e7},
    "q5.cache-semantic-15": {"paraphrase_recall": 0.9},
    "q5.caching-30k": {"false_cost_high": 0.05},
    "q5.caching-70k": {"caching_saving": 35_000.0},
    "q5.kv-prefix": {"prompt_cache_minimum": 512.0},
    "q5.prompts-system": {"system_before": 400.0},
    "q5.prompts-examples": {"example_low": 60.0},
    "q5.prompts-zero-shot": {"example_low": 100.0},
    "q5.priority-order": {
        "priority_caching": 2,
        "priority_embeddings": 3,
        "prompts_weeks_low": 1.0,
        "prompts_weeks_high": 1.4,
    },
    "q5.prompts-15k": {"example_high": 60.0},
    "q5.prompts-55k": {"prompts_saving": 20_000.0},
    "q5.batch-50-percent": {"batch_price": 1.0},
    "q5.batch-10k": {"waits_high": 0.3},
    "q5.batch-45k": {"batch_saving": 20_000.0},
    "q5.batch-embeddings": {"embedding_moved": 0.9},
    "q5.embeddings-5-a10g": {"text_high": 256.0},
    "q5.embeddings-5k": {"ops_days_high": 1.0},
    "q5.embeddings-45k": {"embedding_cost": 10_000.0},
    "q5.embeddings-45k-at-list": {"text_high": 2_000.0},
    "q5.small-10k": {"simple_low": 0.4},
    "q5.small-35k": {"small_saving": 20_000.0},
    "q5.small-row": {"mini_input": 0.50, "mini_output": 1.50},
    "q5.total-360k": {"routing_saving": 232_400.0},
    "q5.total-72-percent": {"total_saving": 300_000.0},
    "q5.new-140k": {"total_saving": 300_000.0},
    "q5.rows-140k": {"gpt35_row": 60_000.0},
    "q5.plan-360k": {"route_low": 0.65},
    "q5.ranked-by-impact": {"embedding_saving": 12_000.0, "small_saving": 20_000.0},
    "q5.priority-embeddings": {"weeks_embeddings": 1.0},
    "q5.weeks-routing": {"effort_high": 100.0},
    "q5.weeks-embeddings": {"effort_high": 6.0},
    "q5.weeks-caching": {"effort_high": 8.0},
    "q5.weeks-batching": {"effort_high": 2.0},
    "q5.weeks-small-model": {"effort_high": 1.2},
    # Bounded answers and batches are left, which share little: 10 % of a fifth.
    "q5.savings-add-up": {
        "gpt4_row": 3.5e6,
        "gpt35_row": 0.01,
        "embedding_row": 0.01,
        "route_share": 0.0,
        "exact_rate": 0.0,
        "semantic_rate": 0.0,
        "system_before": 50.0,
        "examples_before": 2.0,
    },
}


@functools.cache
def price(model: str) -> tuple[float, float]:
    found = model_price(model)
    return found.input, found.output


def judged(id: str, changes: dict[str, Any]) -> Claim:
    return judge(id, dataclasses.replace(Q5Assumptions(), **changes))


def test_every_claim_of_question_5_has_a_test_that_flips_it() -> None:
    assert set(FLIPS) == set(DEFAULT)


@pytest.mark.parametrize("id", sorted(FLIPS))
def test_verdict_of_question_5_turns_with_its_assumptions(id: str) -> None:
    assert judged(id, FLIPS[id]).verdict != DEFAULT[id].verdict


@pytest.mark.parametrize("id", sorted(DEFAULT))
def test_claim_of_question_5_moves_and_is_complete(id: str) -> None:
    assert_complete(DEFAULT[id])
    # A rank moves only where one saving passes another.
    assert_moves(DEFAULT[id], Q5Assumptions(), judged, {"embedding_saving": 20_000.0})


def test_prices_of_question_5_are_those_of_the_list() -> None:
    a = Q5Assumptions()
    assert (a.gpt4_input, a.gpt4_output) == price("gpt-4")
    assert (a.mini_input, a.mini_output) == price("gpt-4o-mini")
    assert (a.gpt35_input, a.gpt35_output) == price("gpt-3.5-turbo")
    assert a.ada_input == pytest.approx(price("text-embedding-ada-002")[0])
    assert model_price("gpt-4").cached == a.gpt4_input  # no cached price, as the claim on the prefix cache says
    for device, provider, value in (("a10g", "AWS", a.a10g_price), ("h100", "AWS", a.h100_price)):
        assert magnitude(accelerator(device).price(provider).usd_per_gpu_hour, "USD/gpu/h") == pytest.approx(value)


def test_rates_of_question_5_are_the_measured_ones_and_those_of_the_plan() -> None:
    a, plan = Q5Assumptions(), PlanAssumptions()
    assert a.small_rate == measured_rate("llama-3-8b on h100").tokens_per_s == plan.small_rate.value
    assert a.embed_rate == plan.embed_rate.value < measured_rate("minilm on h100").tokens_per_s
    assert a.embed_rate_high == plan.embed_rate.high


def test_the_bill_of_the_claims_is_that_of_the_plan() -> None:
    a, bill = Q5Assumptions(), source_bill()
    assert [row.stated for row in bill.rows] == [a.gpt4_row, a.gpt35_row, a.embedding_row]
    assert [row.requests for row in bill.rows] == [a.gpt4_requests, a.gpt35_requests, a.embeddings]
    gpt4 = bill.row("GPT-4")
    assert (gpt4.input_each, gpt4.output_each) == (a.tokens_in, a.tokens_out)
    assert (bill.infrastructure, bill.stated) == (a.infrastructure, a.total)
    assert DEFAULT["q5.bill-500k-at-list"].computed == pytest.approx(bill.list_cost)
