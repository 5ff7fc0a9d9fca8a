"""Question 7: every figure is there, and every verdict is computed - change an assumption and it changes."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from claim_checks import assert_complete, assert_moves

from reference.sizing.claims import claims, judge
from reference.sizing.claims.ledger import Claim
from reference.sizing.claims.q7 import Q7Assumptions
from reference.sizing.inference_modes import measured

pytestmark = pytest.mark.filterwarnings("ignore::reference.sizing.bands.ImplausibleWarning")
DEFAULT = {record.id: record for record in claims(7)}
RESULTS = Path(__file__).resolve().parents[3] / "benchmarks" / "results"

# The assumptions under which the verdict of each claim must turn into another one.
FLIPS: dict[str, dict[str, Any]] = {
    "q7.sync-5s": {"output_high": 100.0},
    "q7.sync-user-waiting": {"first_patience_s": 60.0},
    "q7.sync-load": {"token_s": 0.05},
    "q7.client-blocks": {"submit_s": 5.0, "job_long_s": 4.0},
    "q7.long-tasks": {"silent_s": 36_000.0},
    "q7.first-token": {"first_token_s": 0.04},
    "q7.stream-as-read": {"token_s": 0.2},
    "q7.best-of-both": {"submit_s": 30.0},
    "q7.async-throughput": {"full_tokens": 100.0},
    "q7.async-utilisation": {"busy_s": 1_000_000.0},
    "q7.always-on": {"cold_start_s": 0.5},
    "q7.moderate-traffic": {"api_in": 30.0, "api_out": 60.0, "rate_low": 1.0},
    "q7.scaled-saves": {"cold_start_s": 80_000.0},
    "q7.spot": {"interruptions_high": 0.1},
    "q7.batch-discount": {"batch_factor": 1.0},
    "q7.batch-1000s": {"slots": 16},
    "q7.calls-in-a-row": {"item_s": 20.0},
    "q7.poll-or-webhook": {"poll_s": 3600.0},
    "q7.complexity": {"batch_items": 5.0},
    "q7.stream-chat": {"output_high": 20.0},
    "q7.async-uses": {"sync_limit_s": 3600.0},
}


def judged(id: str, changes: dict[str, Any]) -> Claim:
    return judge(id, dataclasses.replace(Q7Assumptions(), **changes))


def test_every_claim_of_question_7_has_a_test_that_flips_it() -> None:
    assert set(FLIPS) == set(DEFAULT)


@pytest.mark.parametrize("id", sorted(FLIPS))
def test_verdict_of_question_7_turns_with_its_assumptions(id: str) -> None:
    assert judged(id, FLIPS[id]).verdict != DEFAULT[id].verdict


@pytest.mark.parametrize("id", sorted(DEFAULT))
def test_claim_of_question_7_moves_and_is_complete(id: str) -> None:
    assert_complete(DEFAULT[id])
    # A small change of its inputs turns none of these decisions: one that does.
    others = {"sync_limit_s": 3600.0} if id == "q7.async-uses" else {}
    assert_moves(DEFAULT[id], Q7Assumptions(), judged, others)


def test_the_engine_points_are_the_committed_measurement() -> None:
    document = json.loads((RESULTS / "gpu_vllm_closed.json").read_text("utf-8"))
    assert document["date"].startswith(measured._table()["date"])
    assert document["machine"]["gpus"][0].startswith(measured._table()["machine"])
    assert document["versions"]["vllm"] in measured.engine()
    assert document["conditions"]["requests"].startswith("random tokens, {} in, {} out".format(*measured.tokens()))
    rows = {row["target"]: row for row in document["rows"]}
    seen = 0
    for kind, name in (("closed", "closed loop, concurrency {:g}"), ("open", "open loop, Poisson {:g} requests/s")):
        for point in measured.points(kind):
            row = next(row for target, row in rows.items() if target.split(" (")[0] == name.format(point.load))
            assert (point.output_tokens_per_s, point.requests) == (row["output_tokens_per_s"], row["requests"])
            assert point.first_token_s == pytest.approx(row["ttft_p50_ms"] / 1000)
            assert point.first_token_p99_s == pytest.approx(row["ttft_p99_ms"] / 1000)
            assert point.token_s == pytest.approx(row["tpot_p50_ms"] / 1000)
            seen += 1
    assert seen == sum(target.startswith(("closed loop, c", "open loop, P")) for target in rows)


def test_prices_are_those_of_the_list_and_of_the_table() -> None:
    from reference.sizing.bill.prices import batch_factor
    from reference.sizing.cost import token_price
    from reference.sizing.hardware import accelerator
    from reference.sizing.traffic import AZURE_CHAT_BURST, AZURE_CHAT_OUTPUT

    a = Q7Assumptions()
    price = token_price("meta.llama3-8b-instruct-v1:0", "aws")
    assert float(price.input.to("USD/Mtoken").magnitude) == pytest.approx(a.api_in)
    assert float(price.output.to("USD/Mtoken").magnitude) == pytest.approx(a.api_out)
    listed = next(one for one in accelerator("h100").prices if one.provider == "AWS")
    assert float(listed.usd_per_gpu_hour.magnitude) == a.usd_per_hour
    assert {batch_factor(name) for name in ("openai", "anthropic", "google")} == {a.batch_factor}
    assert AZURE_CHAT_BURST.value == a.peak_over_mean
    assert float(AZURE_CHAT_OUTPUT.value.magnitude) == a.output_chat
    assert a.first_token_s == measured.at("closed", a.slots).first_token_s


def test_a_load_that_was_not_measured_is_an_error_that_lists_those_that_were() -> None:
    with pytest.raises(KeyError, match="128"):
        measured.at("closed", 100)
    with pytest.raises(KeyError, match="closed and open"):
        measured.points("half open")
    with pytest.raises(ValueError, match="no measured load"):
        measured.best_within(0.001)
    assert measured.best_within(0.2).load < measured.best_within(1.0).load


def test_the_discount_of_a_batch_asks_for_the_wait_that_is_promised() -> None:
    record = judged("q7.batch-discount", {"batch_wait_high_s": 7200.0})
    assert record.verdict == "depends"
    assert record.threshold == pytest.approx(7200.0)
