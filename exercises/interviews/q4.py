"""The mock interview of question 4: a million posts a minute, moderated."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace

from exercises.interviews.model import Criterion, Figure, FollowUp, Interview, Parameter, Phase
from reference.sizing.claims.q4 import Q4Assumptions
from reference.sizing.claims.q4.design import corrected_design_q4
from reference.sizing.error_rates import precision_at, sample_for_bound, wrong_actions

PARAMETERS = {
    "posts_per_minute": Parameter(1_000_000, "posts a minute", "what comes, taken as the rate to size for"),
    "rules_share": Parameter(0.6, "", "share of the texts and links that the rules decide"),
    "judge_share": Parameter(0.05, "", "share of all posts that the models leave to the LLM"),
    "review_share": Parameter(0.002, "", "share of all posts that people see"),
    "review_seconds": Parameter(30, "s", "time of a person for a post"),
    "exposure_hours": Parameter(4, "h", "most hours of a shift with harmful content"),
    "judge_batch": Parameter(5, "posts", "posts in one call of the LLM"),
    "clip_seconds": Parameter(20, "s", "length of a video"),
    "prevalence": Parameter(0.02, "", "share of all posts that violate"),
    "fpr": Parameter(0.001, "", "promised share of the clean posts that are removed"),
    "fnr": Parameter(0.01, "", "promised share of the violating posts that stay"),
}


def _assumptions(p: Mapping[str, float]) -> Q4Assumptions:
    return replace(
        Q4Assumptions(), posts_per_minute=p["posts_per_minute"], rules_share=p["rules_share"],
        judge_share=p["judge_share"], models_share=1 - p["rules_share"] - p["judge_share"],
        review_low=p["review_share"], review_seconds=p["review_seconds"], exposure_hours=p["exposure_hours"],
        judge_batch=int(p["judge_batch"]), clip_seconds=p["clip_seconds"], prevalence=p["prevalence"], fpr=p["fpr"],
        fnr=p["fnr"],
    )  # fmt: skip


def design(p: Mapping[str, float]) -> tuple[Figure, ...]:
    """Machines, people and promises at these parameters, as the corrected design of the notebook has them."""
    if p["rules_share"] + p["judge_share"] > 1:
        raise ValueError("the rules and the LLM cannot decide more than all posts")
    if p["review_share"] > p["judge_share"]:
        raise ValueError("people see a part of what comes to the LLM, so their share cannot be larger")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # follow-ups leave the usual ranges on purpose; prices carry their own date
        plan = corrected_design_q4(_assumptions(p)).plan("corrected")
    cores = {one.work.name: one.servers for one in plan.needs if one.work.machine == "core"}
    largest = max(cores, key=lambda name: cores[name])
    people = plan.reviewers
    minute = wrong_actions(p["posts_per_minute"], p["prevalence"], p["fpr"], p["fnr"])
    return (
        Figure("posts per second", plan.funnel.rate, "posts/s", note="all of them come to the rules"),
        Figure(
            "posts the models see", plan.funnel.seen["models"], "posts/s",
            note="all that the rules leave open, nearly all images and videos among them",
        ),
        Figure(
            "cores", sum(cores.values()), "cores",
            note=f"rules, hashes, models at measured rates, at most 70% used, a spare each; most of them: {largest}",
        ),
        Figure("LLM instances", plan.need("LLM").servers, "instances", note="bound by the tokens of the verdicts"),
        Figure("machines", plan.machines_usd, "dollars a month", note="list prices"),
        Figure(
            "people on shift", people.on_shift, "people",
            note="at any moment; bound by the time a post takes and by the hours with harmful content",
        ),
        Figure("people on the payroll", people.payroll, "people", note="day and night, weekends, leave"),
        Figure("wrongly removed", minute.removed_wrongly, "posts a minute", note="if the promise just holds"),
        Figure(
            "removals that are right", 100 * precision_at(p["prevalence"], p["fpr"], p["fnr"]), "%",
            note="bound by the share of posts that violate",
        ),
        Figure(
            "clean test posts for the promise", sample_for_bound(p["fpr"]), "posts",
            note="without a single error, exact, at 95%",
        ),
    )  # fmt: skip


INTERVIEW = Interview(
    question="q4",
    title="Moderate a million posts a minute",
    opening="Users of our platform post texts, pictures, videos and links, a million a minute, in many languages. "
    "Design what decides which posts stay, which go and which a person must see, in real time.",
    parameters=PARAMETERS,
    design=design,
    prompts={
        Phase.CLARIFY: (
            "Ask me what you need before you draw. I answer in numbers where I have them.",
            "Is that rate a mean or a peak, and what would change if it were the other?",
            "We promise one wrong removal in a thousand. In a thousand of what?",
        ),
        Phase.ARCHITECTURE: (
            "Draw the way of a post from arrival to decision, and say what each part decides.",
            "How many posts does each tier see, compared with those that it decides?",
            "A part of it is down. What becomes of its posts?",
        ),
        Phase.DEEP_DIVE: (
            "Your thresholds: where do they come from, and what do you show for the promise?",
            "Somebody writes a banned word with look-alike letters. And a football club contains one. Walk me through.",
            "Does the language model earn its place? How would you know?",
            "A worker dies in the middle of a batch. Which posts are lost, which are decided twice?",
        ),
        Phase.SCALING: (
            "Which part of the bill grows first when traffic doubles?",
            "Error rates and review share: can we have all three targets?",
        ),
        Phase.OPERATIONS: (
            "Next week people use a word that no list and no model knows. How do you notice?",
            "A user asks in March why a post was removed in January. What do you show?",
        ),
    },
    follow_ups=(
        FollowUp(
            Phase.CLARIFY,
            "That rate was the mean of a day. In a final it is three times as much, for two hours. What does your "
            "fleet look like?",
            lambda p: {"posts_per_minute": p["posts_per_minute"] * 3},
            "cores",
            "Scales everything that sees posts alike and says what cannot be scaled for two hours: people. Decides "
            "what waits, what is published first and judged later, by category.",
        ),
        FollowUp(
            Phase.ARCHITECTURE,
            "The rules team has lost its lists: the rules decide a quarter of what they did. What arrives at the "
            "models?",
            lambda p: {"rules_share": p["rules_share"] / 4},
            "posts the models see",
            "Works from what is left open and not from shares that were stated. Notices that pictures and videos "
            "hardly change, since the rules never knew their pixels.",
        ),
        FollowUp(
            Phase.DEEP_DIVE,
            "The board wants a tenth of the wrong removals, as a promise that we can publish. What do you need to show "
            "it?",
            lambda p: {"fpr": p["fpr"] / 10},
            "clean test posts for the promise",
            "Three over the rate, without one error, and drawn like the traffic, not from templates that were trained "
            "on. Adds that each language and category needs its own, and that the band for people grows.",
        ),
        FollowUp(
            Phase.DEEP_DIVE,
            "In one category only one post in ten thousand violates. Same error rates. What is a removal worth there?",
            lambda p: {"prevalence": 0.0001},
            "removals that are right",
            "Uses the base rate: wrong removals are as many as right ones or more, though the error rate is tiny. "
            "Ranks such posts for people instead of removing them.",
        ),
        FollowUp(
            Phase.SCALING,
            "A regulator wants every hundredth post seen by a person. How many are on shift?",
            lambda p: {"review_share": 0.01},
            "people on shift",
            "Multiplies cases per second by seconds per case, adds room and the limit on harmful content, and does "
            "not confuse minutes with seconds. Says that this is the whole bill, and what to offer instead: a random "
            "sample.",
        ),
        FollowUp(
            Phase.SCALING,
            "One post of a call can talk the verdicts of the others around. From now on one post per call. What "
            "happens to the LLM tier?",
            lambda p: {"judge_batch": 1},
            "LLM instances",
            "Knows what a batch shares (the policy's tokens) and what it does not (each verdict's), so that the loss "
            "is a factor well below the batch size; mentions the prefix cache and canary posts as another mend.",
        ),
        FollowUp(
            Phase.OPERATIONS,
            "The works council halves the hours with harmful content. What does that do to the payroll?",
            lambda p: {"exposure_hours": p["exposure_hours"] / 2},
            "people on the payroll",
            "Sees that the shorter of desk time and exposure counts, so that the payroll doubles; offers blurring, "
            "grey-scale and mixing harmless cases, and checks agreement between reviewers as fatigue shows there.",
        ),
    ),
    rubric=(
        Criterion(
            "asks what decides the design", 2,
            "Asks for mean or peak, the share that violates, the reviewers and the consequence of waiting, before "
            "drawing.",
            "Asks two of these.",
            "the questions, as asked",
        ),
        Criterion(
            "sees and decides", 3,
            "Sizes each tier by what comes to it, with a number per tier, and treats images and videos apart from "
            "text.",
            "A funnel with shares, sized by what each tier decides.",
            "the posts per second of one tier",
        ),
        Criterion(
            "people as a service time", 3,
            "Computes reviewers from cases per second and seconds per case, adds room, breaks, exposure and the week, "
            "and concludes what review share can be afforded.",
            "A number of reviewers without shifts, or off by minutes for seconds but noticed.",
            "the calculation",
        ),
        Criterion(
            "a promise with its evidence", 3,
            "States how many labelled posts show a rate, uses an upper bound and held-out posts, and says that the "
            "three targets need not hold together.",
            "Wants a test set, without its size.",
            "the bound and the number of posts",
        ),
        Criterion(
            "base rate", 2,
            "Derives from prevalence what share of the removals is right, and treats rare categories differently.",
            "Mentions class imbalance.",
            "the share, or the sentence that derives it",
        ),
        Criterion(
            "nothing lost, nothing decided twice", 2,
            "Delivery at least once with decisions that are idempotent by post and tier; a part that fails sends posts "
            "to people and never to approval.",
            "One of the two.",
            "what happens to the batch of a dead worker",
        ),
        Criterion(
            "evasion and drift", 2,
            "Two views of a text, harmless look-alikes measured, new words noticed by a measure that does not depend "
            "on the filter, a gate before a retrained model.",
            "Retraining on a schedule.",
            "the measure that notices",
        ),
        Criterion(
            "reasons and appeals", 1,
            "A log with versions of policy, rules and models; appeals to another person; overturned decisions return "
            "as labels.",
            "Appeals as a box.",
            "what is logged",
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
