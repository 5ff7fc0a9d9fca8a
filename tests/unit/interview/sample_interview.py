"""A small interview of its own for tests: what `reference` computes of a KV cache and of a fleet."""

from __future__ import annotations

import math

from exercises.interviews.model import Criterion, Figure, FollowUp, Interview, Parameter, Phase


def design(p):
    if p["budget"] < 1000:
        raise ValueError("a budget below 1,000 dollars buys no GPU")
    peak = p["users"] * p["messages"] / 86400 * p["peak"]
    replicas = math.ceil(peak / p["rate"])
    return (
        Figure("peak load", peak, "requests/s"),
        Figure("replicas", replicas, "replicas", note="whole ones"),
        Figure("cost", replicas * 2000.0, "dollars a month"),
        Figure("share of budget", 100 * replicas * 2000.0 / p["budget"], "%"),
        Figure("rate of a replica", p["rate"], "requests/s", "MEASURED"),
    )


SAMPLE = Interview(
    question="q1",
    title="Serve a chat model",
    opening="Design the serving of a chat model for a consumer product.",
    parameters={
        "users": Parameter(1_000_000, "users a day", "people who chat on a day"),
        "messages": Parameter(10, "messages a user and day", "messages that one of them sends"),
        "peak": Parameter(3, "", "busiest minute over the average"),
        "rate": Parameter(8, "requests/s", "what one replica serves"),
        "budget": Parameter(200_000, "dollars a month", "what it may cost"),
    },
    design=design,
    prompts={
        Phase.CLARIFY: ("Design the serving of a chat model. What do you want to know?", "Who are the users?"),
        Phase.ARCHITECTURE: ("Draw me the parts.", "What does the gateway do?"),
        Phase.DEEP_DIVE: ("Let us go into the engine.", "Why continuous batching?", "Where does memory go?"),
        Phase.SCALING: ("Now it grows.",),
        Phase.OPERATIONS: ("How do you know that it works?",),
    },
    follow_ups=(
        FollowUp(Phase.DEEP_DIVE, "Traffic grows tenfold over night. What breaks first?",
                 lambda p: {"users": p["users"] * 10}, "replicas", "The fleet grows alike, the budget does not."),
        FollowUp(Phase.DEEP_DIVE, "Half of the messages are gone.",
                 lambda p: {"messages": p["messages"] / 2}, "cost", "Linear in messages."),
        FollowUp(Phase.SCALING, "The budget is taken away.",
                 lambda p: {"budget": 10.0}, "share of budget", "Says that there is none."),
    ),
    rubric=(
        Criterion("asks before designing", 8, "Asks for users, peak and budget, and says why each one matters.",
                  "Asks for one of them.", "the question that was asked"),
        Criterion("sizes from stated numbers", 8, "Computes the peak load from users, messages and the peak factor.",
                  "Gives a number without its way.", "the multiplication"),
        Criterion("knows what fails", 4, "Names an alert on queue length and what is done when it rings.",
                  "Names an alert.", "the alert"),
    ),
)  # fmt: skip
