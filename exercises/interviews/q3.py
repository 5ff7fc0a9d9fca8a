"""The mock interview of question 3: versions, canaries and the way back."""

from __future__ import annotations

from collections.abc import Mapping

from exercises.interviews.model import Criterion, Figure, FollowUp, Interview, Parameter, Phase
from reference.sizing import Q, cold_start_time, magnitude
from reference.sizing.ab_tests import (
    cases_to_exclude,
    detectable_rate,
    paired_detectable,
    peeking_factor,
    quantile_half_width,
    users_for_rate,
)

PARAMETERS = {
    "users_per_day": Parameter(40_000, "users a day", "different users of the service"),
    "share": Parameter(0.05, "", "share of the users on the candidate at the first step"),
    "hours": Parameter(24, "h", "time at the first step"),
    "error_rate": Parameter(0.01, "", "share of the users who meet an error today"),
    "error_ratio": Parameter(2, "", "how many times as many errors must be found"),
    "percentile": Parameter(95, "", "percentile of the latency that is compared"),
    "unsafe_limit": Parameter(0.01, "", "share of unsafe answers that must be excluded before release"),
    "gate_cases": Parameter(500, "cases", "test cases that both versions answer"),
    "weights_gb": Parameter(16, "GB", "weights of one version"),
    "memory_gb": Parameter(72, "GB", "GPU memory that the engine may use"),
    "cache_gb": Parameter(16, "GB", "KV cache that a working batch needs"),
    "poll_s": Parameter(1, "s", "how often a router reads the state of the rollout"),
}
LOG_SPREAD = 0.6  # of log latencies between users, as in the notebook
CHANGED_SIDES = 0.06  # share of the test cases on which two versions differ
LONGEST_ANSWER_S = 30.0


def design(p: Mapping[str, float]) -> tuple[Figure, ...]:
    """The canary, the gates and the way back that these parameters allow."""
    users = p["users_per_day"] * p["hours"] / 24
    raised = p["error_rate"] * p["error_ratio"]
    if not 0 < p["share"] < 1 or not 0 < raised < 1 or raised == p["error_rate"]:
        raise ValueError("a canary compares two sides and two different rates between 0 and 1")
    found = detectable_rate(p["error_rate"], users, p["share"], sides=1)
    needed = users_for_rate(p["error_rate"], raised, p["share"], sides=1)
    days = needed * peeking_factor() / p["users_per_day"]
    width = quantile_half_width(max(1, int(users * p["share"])), LOG_SPREAD, p["percentile"] / 100)
    standby = (p["memory_gb"] - p["cache_gb"]) // p["weights_gb"] - 1
    if standby < 0:
        raise ValueError("not even the version that serves fits into the memory beside its cache")
    back = p["poll_s"] + LONGEST_ANSWER_S
    start = cold_start_time(
        provision=Q(60, "s"), image_pull=Q(40, "s"), weights=Q(p["weights_gb"], "GB"),
        load_bandwidth=Q(1.25, "GB/s"), warm_up=Q(20, "s"),
    )  # fmt: skip
    way_back = back if standby >= 1 else back + magnitude(start, "s")
    met = days * p["users_per_day"] * p["share"] + way_back / 86_400 * p["users_per_day"] * p["share"]
    return (
        Figure("users on the candidate", users * p["share"], "users", note="in the first step"),
        Figure(
            "smallest error rate found", 100 * (1.0 if found is None else found), "%",
            note="one look at the end, one-sided level 5%, power 80%; bound by the smaller side",
        ),
        Figure("users to find the rise", needed, "users", note="both sides, one look"),
        Figure("days, looking all the time", days, "days", note="the same with a test that stays valid at every look"),
        Figure(
            "latency percentile known to", 100 * width, "%",
            note=f"plus or minus, from the candidate's requests; spread of log latencies {LOG_SPREAD}",
        ),
        Figure("clean cases for the unsafe limit", cases_to_exclude(p["unsafe_limit"]), "cases", note="exact, at 95%"),
        Figure(
            "fall of accuracy that the gate finds", 100 * paired_detectable(int(p["gate_cases"]), CHANGED_SIDES),
            "points", note=f"both versions on the same cases, {CHANGED_SIDES:.0%} of which change sides",
        ),
        Figure("versions on standby", standby, "versions", note="beside the one that serves; bound by the memory"),
        Figure("way back", way_back, "s", note="from the write to the last answer; cold start if nobody stands by"),
        Figure("users who meet the bad version", met, "users", note="until the rise shows and the way back is over"),
    )  # fmt: skip


INTERVIEW = Interview(
    question="q3",
    title="Model versions, A/B tests and rollback",
    opening="We serve a model to users and get a better one every week or so; now and then one is worse, and once one "
    "said what it must never say. Design how versions are kept, tried on a part of the users, and taken back.",
    parameters=PARAMETERS,
    design=design,
    prompts={
        Phase.CLARIFY: (
            "Ask me what you need. I answer in numbers where I have them.",
            "What is the unit that you split: a request, a session, a user?",
            "Which harm may reach nobody, and which only a few?",
        ),
        Phase.ARCHITECTURE: (
            "Draw the way of a version from training to all users, and the way of a request.",
            "What is in a version: only the weights?",
            "Who knows which version a user gets, and what happens if that part is down?",
        ),
        Phase.DEEP_DIVE: (
            "Go into the first step of the canary. What can it find with our traffic, and how do you know?",
            "Your controller looks every few minutes. What does that do to your test?",
            "What happens before any user sees the version?",
            "A version repeats e-mail addresses. Walk me through the minutes until it is gone.",
        ),
        Phase.SCALING: (
            "What does standby cost, and what do you get for it?",
            "Ten teams release models. What breaks first?",
        ),
        Phase.OPERATIONS: (
            "What wakes somebody up at night, and what only pauses?",
            "How do you show later why a version went live, and that nobody changed the record?",
        ),
    },
    follow_ups=(
        FollowUp(
            Phase.CLARIFY,
            "I was too optimistic about the traffic: a tenth of it is real. What can your first step still find?",
            lambda p: {"users_per_day": p["users_per_day"] / 10},
            "smallest error rate found",
            "Computes the handful of users on the candidate first. Says that the rate that shows is several times the "
            "usual one, so that a day at this share is a ritual; offers a larger share, a more frequent measure or "
            "shadow traffic instead of only waiting longer.",
        ),
        FollowUp(
            Phase.ARCHITECTURE,
            "The next model has five times the weights, and we double the memory for it. Who still stands by?",
            lambda p: {"weights_gb": p["weights_gb"] * 5, "memory_gb": p["memory_gb"] * 2},
            "versions on standby",
            "Takes the serving version and its cache off before dividing. Knows that a version which is not loaded "
            "turns seconds into minutes, and names what helps: adapters of one base, a second set of machines during "
            "the rollout.",
        ),
        FollowUp(
            Phase.DEEP_DIVE,
            "A rise by half already costs us customers, not only a doubling. How long does the first step take now?",
            lambda p: {"error_ratio": 1.5},
            "days, looking all the time",
            "Sees that the users needed grow with one over the square of the effect, about fourfold here, and that "
            "looking all the time roughly doubles them again. Questions the measure before accepting weeks.",
        ),
        FollowUp(
            Phase.DEEP_DIVE,
            "Legal wants a tenth of the unsafe answers that we allowed so far, shown before release.",
            lambda p: {"unsafe_limit": p["unsafe_limit"] / 10},
            "clean cases for the unsafe limit",
            "Knows the rule of three and scales it: ten times the cases, and not one unsafe answer among them. Says "
            "where they come from, and that cases alike count less.",
        ),
        FollowUp(
            Phase.SCALING,
            "Promise the 99th percentile of the latency instead of the 95th. How well do you know it?",
            lambda p: {"percentile": 99},
            "latency percentile known to",
            "Knows that fewer requests lie beyond it, so that the interval grows although nothing else changed; "
            "compares counts of slow requests above the baseline's own quantile, not two percentiles.",
        ),
        FollowUp(
            Phase.SCALING,
            "Now the other way: traffic grows a hundredfold. Which of your problems is gone, and which one is new?",
            lambda p: {"users_per_day": p["users_per_day"] * 100},
            "users on the candidate",
            "The statistics become easy and the first step can shrink to a smaller share: what hurts now is how many "
            "people meet a bad version. Overlapping experiments and the fleet's standby take the place of waiting.",
        ),
        FollowUp(
            Phase.OPERATIONS,
            "The store is slow, so routers shall read the state only every two minutes. What does that cost?",
            lambda p: {"poll_s": 120},
            "way back",
            "Adds the polling interval to the longest answer, says which part of the way back it now is, and "
            "offers a push or a cheaper read. Keeps apart the time to notice, which polling hardly changes.",
        ),
    ),
    rubric=(
        Criterion(
            "asks what decides the design", 2,
            "Asks for the traffic, the present error rate, the unit of the split and the harm that may reach nobody, "
            "before drawing.",
            "Asks two of these.",
            "the questions, as asked",
        ),
        Criterion(
            "a version is more than weights", 2,
            "Puts prompt, adapter, index and configuration under one digest with lineage, and says what goes back "
            "together.",
            "Keeps weights in a registry with aliases and leaves the rest open.",
            "what is in a version",
        ),
        Criterion(
            "gates before traffic", 3,
            "Names gates with a limit, the number of cases and an interval each, and that a gate may answer \"not "
            "enough data\"; unsafe answers by an exact bound.",
            "Names gates with thresholds and no word on how many cases they need.",
            "one gate with its cases and its limit",
        ),
        Criterion(
            "what the canary can find", 4,
            "Computes the users on the candidate and the rise that shows among them, and draws a consequence: share, "
            "time, measure, or no canary.",
            "Says that traffic matters, without a number that decides.",
            "the number of users and the rise",
        ),
        Criterion(
            "looks that stay valid", 2,
            "Explains why a fixed test that is looked at often stops harmless releases, names a sequential test and "
            "its price in users, and shares one error budget between the checks.",
            "Mentions peeking or several metrics, without a mend.",
            "the sentence on repeated looks",
        ),
        Criterion(
            "sticky users without a table", 2,
            "Hashes user and rollout, compares with the share, and shows that a growing share takes nobody's version "
            "away; the router survives a dead controller.",
            "Sticky users by a session or table.",
            "how a user's version is found",
        ),
        Criterion(
            "the way back", 3,
            "Tells noticing from switching, gives seconds for both, keeps the old version loaded, and lets a person "
            "roll back by one write with the controller dead.",
            "Automatic rollback with one time for everything.",
            "the two times",
        ),
        Criterion(
            "follow-ups in numbers", 2,
            "Estimates the figure before it is shown in at least three follow-ups, within a factor of two, and says "
            "which way it scales.",
            "Right direction in most, without a size.",
            "the estimates",
        ),
    ),
)  # fmt: skip
