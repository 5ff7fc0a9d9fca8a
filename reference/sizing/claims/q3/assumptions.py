"""Question 3: what the source fixes, and what it leaves open and has to be assumed to check it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from reference.sizing.bands import checked_fields
from reference.sizing.claims.given import Described, given
from reference.sizing.claims.ledger import assumptions_of
from reference.sizing.claims.recorded import recorded

_SOURCE = "the source's answer"
_STEP = recorded("gpu_llama8b_steps", "Llama-3-8B bf16, batch 16, context 1024, sdpa", "decode step")


@checked_fields
@dataclass(frozen=True)
class Q3Assumptions(Described):
    """Inputs of every claim of question 3."""

    # -- given by the source
    picture_share: Annotated[float, "fraction"] = given(0.10, f"{_SOURCE}, the canary in the picture of the registry")
    share: Annotated[float, "fraction"] = given(0.05, f"{_SOURCE}, the canary in the workflow")
    hours: float = given(24.0, f"{_SOURCE}, time of the first step")
    later_shares: tuple[float, ...] = given((0.25, 0.50, 1.0), f"{_SOURCE}, the steps after the first")
    cases: int = given(500, f"{_SOURCE}, test cases")
    accuracy_limit: Annotated[float, "fraction"] = given(0.85, _SOURCE)
    toxicity_limit: Annotated[float, "fraction"] = given(0.01, _SOURCE)
    latency_limit_ms: float = given(500.0, f"{_SOURCE}, p95")
    latency_increase: float = given(0.10, f"{_SOURCE}, most increase of the canary's latency")
    metrics: int = given(4, f"{_SOURCE}: errors, latency, feedback, business")
    rollback_s: float = given(300.0, f"{_SOURCE}, less than 5 minutes")
    versions_kept: int = given(3, _SOURCE)

    # -- left open: the service
    users_low: float = given(1_000.0, "assumed: users a day of a new product")
    users_high: float = given(10_000_000.0, "assumed: users a day of a large one")
    users: float = given(100_000.0, "assumed: users a day of the service of the example")
    error_rate: Annotated[float, "fraction"] = given(0.01, "assumed: share of users with a failed request")
    goal_rate: Annotated[float, "fraction"] = given(0.10, "assumed: share of users that reach the business goal")
    goal_drop: float = given(0.05, "assumed: relative fall of the business goal that would matter")
    rating_share: Annotated[float, "fraction"] = given(0.02, "assumed: share of users that rate an answer")
    like_rate: Annotated[float, "fraction"] = given(0.80, "assumed: thumbs up among ratings")
    like_drop: float = given(0.05, "assumed: absolute fall of thumbs up that would matter")
    log_sd: float = given(0.6, "assumed: spread of log latencies between users")

    # -- left open: the model under test
    accuracy: Annotated[float, "fraction"] = given(0.87, "assumed: true accuracy of a version that should pass")
    discordant: Annotated[float, "fraction"] = given(0.06, "assumed: cases whose verdict differs between two versions")
    regression: float = given(0.02, "assumed: fall of accuracy that a regression suite should find")
    unsafe_seen_high: float = given(5.0, "assumed: unsafe outputs among the test cases, at most")
    step_ms: float = given(_STEP.value, str(_STEP))
    first_token_ms: float = given(50.0, "assumed: time to the first token at light load")
    output_low: float = given(5.0, "assumed: tokens of a label")
    output_high: float = given(400.0, "assumed: tokens of a chat answer")

    # -- left open: the way back
    poll_s: float = given(1.0, "assumed: how long a router trusts its last look at the state")
    longest_answer_s: float = given(30.0, "assumed: longest answer in flight at the switch")
    load_s: float = given(600.0, "assumed: node, image and weights of a replica that is not in standby")
    parameters: float = given(8e9, "assumed: parameters of the served model")
    gpu_gb: float = given(80.0, "memory of the GPU that serves it")
    usable: Annotated[float, "fraction"] = given(0.9, "share of the memory that the engine uses")
    kv_least_gb: float = given(16.0, "assumed: least memory for the KV cache of a working batch")


assumptions_of(3, Q3Assumptions)
