"""The mock interview of question 7: one engine behind a chat, long reports and a nightly batch."""

from __future__ import annotations

import math
from collections.abc import Mapping

from exercises.interviews.model import Criterion, Figure, FollowUp, Interview, Parameter, Phase
from reference.sizing.claims.q7 import Q7Assumptions
from reference.sizing.cost import HOURS_PER_MONTH
from reference.sizing.inference_modes.crossings import (
    batch_makespan,
    call_makespan,
    connections_held,
    polling,
    scaled_from,
)
from reference.sizing.inference_modes.deadlines import late_probability, service_beyond, slots_in_time
from reference.sizing.inference_modes.scaling import wanted_workers

_BASE = Q7Assumptions()
MOST_WORKERS = 1_000_000

PARAMETERS = {
    "rate": Parameter(20, "requests/s", "chat requests, mean of the day"),
    "burst": Parameter(3, "", "busiest minute of the chat over the mean"),
    "tokens": Parameter(_BASE.output_chat, "tokens", "mean answer of the chat"),
    "patience_s": Parameter(_BASE.first_patience_s, "s", "that a person waits for a first sign"),
    "late": Parameter(_BASE.late, "", "share of the first signs that may come later"),
    "reports": Parameter(6_000, "reports/h", "long reports, each for one person"),
    "report_s": Parameter(900, "s", "mean time of a report in a slot"),
    "poll_s": Parameter(5, "s", "between two questions whether a report is ready"),
    "silent_s": Parameter(_BASE.silent_s, "s", "after which the proxy cuts a silent connection"),
    "stopped_min": Parameter(10, "min", "for which no report was worked on"),
    "items": Parameter(400_000, "texts", "to be labelled every night"),
    "night_load": Parameter(0.2, "", "share of the chat's slots that are in use at night"),
    "cold_start_s": Parameter(_BASE.cold_start_s, "s", "until a new worker takes its first report"),
}


def design(p: Mapping[str, float]) -> tuple[Figure, ...]:
    """The chat as streams on a fleet that is always on, reports as jobs, texts as a batch on what the night leaves.

    Service times are those of the measured engine at 64 requests in flight. Raises ValueError where no fleet shows a
    first sign in time.
    """
    a = _BASE
    first, service = a.first_token_s, a.first_token_s + max(0.0, p["tokens"] - 1) * a.token_s
    peak, reports = p["rate"] * p["burst"], p["reports"] / 3600
    slots = slots_in_time(peak, service, a.service_scv, p["patience_s"], p["late"], first)
    if slots is None:
        raise ValueError(f"no fleet shows a first sign within {p['patience_s']:g} s: the engine alone takes longer")
    replicas = math.ceil(slots / a.slots) + 1
    asked = polling(p["report_s"], p["poll_s"], reports)
    waiting = math.ceil(reports * 60 * p["stopped_min"])
    workers = wanted_workers(waiting, p["report_s"], a.slots, a.deadline_high_s, 0, MOST_WORKERS)
    night = max(1, math.floor(replicas * a.slots * (1 - p["night_load"])))
    items = int(p["items"])
    batch = batch_makespan(items, a.item_s, night, setup_s=a.batch_setup_s)
    calls = call_makespan(items, a.item_s, a.at_once, round_trip_s=a.round_trip_s)
    return (
        Figure(
            "connections of the chat", connections_held(peak, service), "connections",
            note=f"busiest minute x {service:.1f} s of an answer: held to its last token, streamed or not",
        ),
        Figure(
            "late without a stream",
            100 * late_probability(peak, service, a.service_scv, slots, p["patience_s"]), "% of answers",
            note="of the same fleet, if the first sign is the whole answer",
        ),
        Figure(
            "slots of the chat", slots, "slots",
            note=f"busiest minute, at most {p['late']:.0%} of the first tokens later than {p['patience_s']:g} s",
        ),
        Figure("replicas of the chat", replicas, "replicas", note=f"of {a.slots} slots, and one that may be gone"),
        Figure(
            "month of the chat", replicas * a.usd_per_hour * HOURS_PER_MONTH, "dollars",
            note=f"always on, {a.usd_per_hour:g} dollars per hour and replica",
        ),
        Figure(
            "reports under way", connections_held(reports, p["report_s"]), "reports",
            note="as open connections, if they were calls; as rows in a store, if they are jobs",
        ),
        Figure(
            "reports cut by the proxy", 100 * service_beyond(p["report_s"], a.service_scv, p["silent_s"]), "% of calls",
            note="as silent calls; heartbeats of a stream avert it",
        ),
        Figure("polls", asked.requests_per_s, "requests/s", note="all but one per report are answered: not yet"),
        Figure(
            "workers after a stop", workers, "workers",
            note=f"to work off {waiting:,} reports within an hour, beside those that serve what comes",
        ),
        Figure(
            "following fleet", 100 * scaled_from(
                a.day_peak, a.busy_s, p["cold_start_s"], a.linger_s, fill=a.fill
            ), "% of always on",
            note="cost of report workers that follow their queue: cold starts, idle ends and empty slots included",
        ),
        Figure("night batch", batch / 3600, "h", note=f"on the {night:,} slots that the chat leaves at night"),
        Figure("texts as calls", calls / 3600, "h", note=f"one client with {a.at_once} calls open at a time"),
    )  # fmt: skip


INTERVIEW = Interview(
    question="q7",
    title="Wait, watch or come back",
    opening="We run one language model behind three products: a chat, reports that take a quarter of an hour to write, "
    "and labels for some hundred thousand texts every night. Today all of them call the same synchronous endpoint, and "
    "all of them complain. Which mode does each of them get, and what do you build for it?",
    parameters=PARAMETERS,
    design=design,
    prompts={
        Phase.CLARIFY: (
            "Ask what you need. I have numbers for load, answer lengths and deadlines.",
            "For which of the three does somebody look at a screen, and for how long?",
            "What lies between our clients and us that could cut a connection?",
        ),
        Phase.ARCHITECTURE: (
            "One service or three? Name the routes, and what stands in the store.",
            "A report was accepted with a 202. What have you promised with it?",
            "How does a client learn that its report is ready?",
        ),
        Phase.DEEP_DIVE: (
            "A worker dies in the middle of a report. Take me through what happens, second by second.",
            "The same report is requested twice because a phone lost its answer. Where is that caught?",
            "A chat stream breaks at token ninety. What does the client send, and what do you keep for it?",
            "Is the batch cheaper because it is asynchronous? Where does the money come from?",
        ),
        Phase.SCALING: (
            "How many replicas does the chat need, and what must the reports wait for?",
            "When is a fleet that follows its queue worth it, and when is it not?",
            "The batch and the chat share an engine. Which of them notices, and how do you bound it?",
        ),
        Phase.OPERATIONS: (
            "Which three numbers do you look at when somebody says that reports are slow?",
            "One input kills every worker that touches it. When do you notice, and who has stopped it?",
        ),
    },
    follow_ups=(
        FollowUp(
            Phase.CLARIFY,
            "The chat begins to explain itself: answers are three times as long. How many connections stand open now?",
            lambda p: {"tokens": p["tokens"] * 3},
            "connections of the chat",
            "Uses Little's law: what is held grows with the length of the answer, while the first token comes as soon "
            "as before. Says that a stream makes the wait bearable and frees nothing.",
        ),
        FollowUp(
            Phase.ARCHITECTURE,
            "Somebody makes the reports ten times as fast. May they be plain calls again?",
            lambda p: {"report_s": p["report_s"] / 10},
            "reports cut by the proxy",
            "Compares the distribution of the time with the proxy's limit, and not the mean: a good part still lies "
            "beyond it. Names heartbeats or a longer limit as the other way, and what a broken call costs.",
        ),
        FollowUp(
            Phase.DEEP_DIVE,
            "The promise for the first sign shall hold for ninety-nine of a hundred people, not for ninety-five.",
            lambda p: {"late": 0.01},
            "slots of the chat",
            "Expects few more slots, not five times as many: with many slots the line is short as long as there is any "
            "room. Says what the percentile does not cover (the network, a cold replica).",
        ),
        FollowUp(
            Phase.DEEP_DIVE,
            "Product wants people to know of a finished report within a second. The app team lets its clients poll "
            "every second.",
            lambda p: {"poll_s": 1},
            "polls",
            "Scales the polls with the interval, sees that nearly all of them are for nothing, and offers a push: a "
            "webhook or an open event stream with a number to come back with, signed and repeated.",
        ),
        FollowUp(
            Phase.SCALING,
            "A partner brings ten times the chat. What scales along?",
            lambda p: {"rate": p["rate"] * 10},
            "replicas of the chat",
            "Nearly proportional, the spare is not; a large fleet runs closer to its limit. Then names what is not a "
            "replica: connections at the gateway, the store of events, the quota for GPUs.",
        ),
        FollowUp(
            Phase.SCALING,
            "The partner's users are awake at our night: then half of the chat's slots are in use.",
            lambda p: {"night_load": 0.5},
            "night batch",
            "The batch gets what is left, so its time grows by the ratio of the free slots. Asks for its deadline, and "
            "trades it: yield later, buy an hour of machines, or the provider's batch price.",
        ),
        FollowUp(
            Phase.OPERATIONS,
            "The report workers stood still for an hour before anybody noticed. How many do you start?",
            lambda p: {"stopped_min": 60},
            "workers after a stop",
            "Computes the backlog as rate x time and what one worker does in the time that is left, adds what comes "
            "meanwhile, and asks why the age of the oldest job raised no alarm.",
        ),
        FollowUp(
            Phase.OPERATIONS,
            "The provider is short of GPUs: a new worker takes an hour to come.",
            lambda p: {"cold_start_s": 3600},
            "following fleet",
            "Sets the cold start against the length of the busy spell: the saving shrinks and, with shorter spells, is "
            "gone. Says which promise breaks first, and holds a floor of warm workers.",
        ),
    ),
    rubric=(
        Criterion(
            "asks what decides the mode", 2,
            "Asks who waits and for how long, whether a caller can come back, how many items come at once, and what "
            "the path between bears; says what each answer would change.",
            "Asks two of these, without what they change.",
            "the questions, as asked",
        ),
        Criterion(
            "the mode follows from numbers", 3,
            "Gives each product a mode with the number that excludes the others (a deadline, a proxy's limit, items "
            "over slots), and knows that tokens cost the same in all of them.",
            "The usual rule (user waits: sync, long: async, chat: stream) without a number.",
            "one product, its mode and the number",
        ),
        Criterion(
            "what is held", 2,
            "Little's law for connections and jobs under way; says that a stream holds its connection to the end and "
            "what a job costs instead (polls, webhooks, a store).",
            "Says that async does not block, without what it costs instead.",
            "a rate times a time, with its result",
        ),
        Criterion(
            "what accepted means", 3,
            "Stored before it is acknowledged; at least once with a lease and a fence, so that an effect happens once; "
            "an idempotency key against the client's own repeats; a limit of tries and dead letters.",
            "Queue, retries and a dead letter queue by name, without what keeps an effect from happening twice.",
            "the moment at which the job is safe, and what bars the second effect",
        ),
        Criterion(
            "a stream that breaks", 2,
            "Numbered events kept for a while, the client comes back with the last number, the answer is generated "
            "once; heartbeats against silent proxies; what happens when nobody comes back.",
            "Wants to resume, without what is kept or for how long.",
            "what the client sends and what the server keeps",
        ),
        Criterion(
            "money", 3,
            "Separates what a token costs (the same) from the idle machine, the discount for a later answer and the "
            "work for those who have gone; compares a cold start with the length of a spell before scaling to zero.",
            "Names spot, batch prices or scaling, without when they do not pay.",
            "one saving and the condition under which it is gone",
        ),
        Criterion(
            "the changed question", 3,
            "Estimates the new figure before it is shown, right to within a third, by scaling what changes and only "
            "that.",
            "Gives the direction of the change and its reason.",
            "an estimate with its sum",
        ),
        Criterion(
            "running it", 2,
            "Watches the age of the oldest job by lane, tries per job, tokens for clients who have gone; each with a "
            "limit and a first reaction; says how back-pressure reaches the client in each mode.",
            "Watches depth and latency, without a limit or a reaction.",
            "one alert with its limit and its reaction",
        ),
    ),
)  # fmt: skip
