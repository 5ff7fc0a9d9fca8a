"""Question 7: what the source fixes, and what it leaves open and has to be assumed to check it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from reference.sizing.bands import checked_fields
from reference.sizing.claims.given import Described, given
from reference.sizing.claims.ledger import assumptions_of
from reference.sizing.inference_modes import measured

_SOURCE = "the source's answer"
_ONE, _BUSY, _FULL = measured.at("closed", 1.0), measured.at("closed", 64.0), measured.full()
_LIVE = measured.best_within(1.0)
_LIST = "Llama-3-8B, genai-prices 0.2.3 of 2026-11; a test holds it to the package"


@checked_fields
@dataclass(frozen=True)
class Q7Assumptions(Described):
    """Inputs of every claim of question 7. Seconds, tokens, dollars."""

    # -- given by the source
    sync_limit_s: float = given(5.0, f"{_SOURCE}, synchronous below 5 seconds")
    batch_items: float = given(1000.0, f"{_SOURCE}, thousands of items")

    # -- measured: one engine
    one_at_a_time: float = given(_ONE.output_tokens_per_s, f"tokens/s of one request at a time; {measured.engine()}")
    live_tokens: float = given(
        _LIVE.output_tokens_per_s,
        f"tokens/s of open arrivals at {_LIVE.load:g}/s, the most with a first token within 1 s at p99; "
        f"{measured.engine()}",
    )
    full_tokens: float = given(
        _FULL.output_tokens_per_s,
        f"tokens/s at {_FULL.load:g} requests in flight, as a queue keeps it; {measured.engine()}",
    )
    live_per_s: float = given(_LIVE.load, f"requests/s at that live load; {measured.engine()}")
    first_token_s: float = given(_BUSY.first_token_s, f"first token at 64 in flight, median; {measured.engine()}")
    token_s: float = given(_BUSY.token_s, f"each further token at 64 in flight, median; {measured.engine()}")
    slots: int = given(64, "assumed: requests that a replica runs at once, the measured point above")
    tokens_in: float = given(float(measured.tokens()[0]), f"of every request; {measured.engine()}")
    tokens_out: float = given(float(measured.tokens()[1]), f"of every request; {measured.engine()}")

    # -- left open: answers and those who wait for them
    output_low: float = given(5.0, "assumed: tokens of a label")
    output_chat: float = given(
        211.0, "mean output of a chat request in Azure's trace of 2023 (reference.sizing.traffic)"
    )
    output_high: float = given(1500.0, "assumed: tokens of a long answer")
    reading_per_s: float = given(8.0, "assumed: tokens/s that a person reads, 300 words a minute at 1.6 tokens each")
    first_patience_s: float = given(1.0, "assumed: what a person bears without a sign")
    service_scv: float = given(0.25, "assumed: variance over mean squared of the service time")
    late: Annotated[float, "fraction"] = given(0.05, "assumed: share of the answers that may be late")
    load: Annotated[float, "fraction"] = given(0.7, "assumed: utilisation of the slots of a synchronous service")

    # -- left open: what is between client and service
    silent_s: float = given(60.0, "default idle time of nginx (proxy_read_timeout) and AWS's application load balancer")
    job_short_s: float = given(1.0, "assumed: a job of a second")
    job_long_s: float = given(1800.0, "assumed: an agent's run of half an hour")
    poll_s: float = given(2.0, "assumed: seconds between two polls")
    submit_s: float = given(0.05, "assumed: seconds of a connection for one submission or one poll")
    at_once: int = given(32, "assumed: calls that one client keeps open")
    round_trip_s: float = given(0.05, "assumed: network and handshake of a call")
    batch_setup_s: float = given(30.0, "assumed: upload, check and fetch of an own batch that starts at once")
    batch_wait_high_s: float = given(86_400.0, "OpenAI, Batch API: within 24 hours")
    item_s: float = given(1.0, "assumed: seconds of one item in a slot")
    setup_low_s: float = given(5.0, "assumed: an own batch that starts at once")

    # -- left open: money
    usd_per_hour: float = given(6.88, "AWS p5.48xlarge / 8, on demand, as in hardware.toml")
    api_in: float = given(0.30, f"dollars per million tokens in, AWS Bedrock, {_LIST}")
    api_out: float = given(0.60, f"dollars per million tokens out, AWS Bedrock, {_LIST}")
    rate_low: float = given(0.01, "assumed: requests/s of a tool that a team uses")
    rate_high: float = given(40.0, "assumed: requests/s that fill one replica")
    batch_factor: Annotated[float, "fraction"] = given(
        0.5, "OpenAI, Anthropic, Google: share of the price that the batch API charges (batch_discounts.toml)"
    )
    spot_factor: Annotated[float, "fraction"] = given(
        0.4, "assumed; Google Cloud states 60 to 91 % off for Spot VMs, AWS up to 90 %"
    )
    interruptions_low: float = given(0.01, "assumed: interruptions per hour of a spot worker, calm")
    interruptions_high: float = given(10.0, "assumed: interruptions per hour of a spot worker, hunted GPUs")
    cold_start_s: float = given(
        180.0, "assumed: machine, image, weights; the engine's start alone took 52 s as measured"
    )
    linger_s: float = given(300.0, "assumed: an idle worker stays for so long")
    peak_over_mean: float = given(
        1.56, "busiest minute over mean, Azure's chat trace of 2023 (reference.sizing.traffic)"
    )
    day_peak: float = given(3.0, "assumed: busiest hours over the mean of the day")
    busy_s: float = given(14_400.0, "assumed: seconds of the busy hours of a day")
    fill: Annotated[float, "fraction"] = given(0.9, "assumed: slots in use of a worker that serves a queue")
    deadline_low_s: float = given(1.0, "assumed: deadline of an answer that somebody waits for")
    deadline_high_s: float = given(3600.0, "assumed: deadline of a mail or a report")


assumptions_of(7, Q7Assumptions)
