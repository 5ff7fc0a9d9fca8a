"""The mock interview of question 6: specialists that review code together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from exercises.interviews.model import Criterion, Figure, FollowUp, Interview, Parameter, Phase
from reference.sizing.claims.q6 import Q6Assumptions
from reference.sizing.claims.q6.latency import per_day
from reference.sizing.review_cost import (
    CallPrice,
    SizeDistribution,
    comments_per_developer,
    slowest_over_mean,
    tokens_within,
    wall_over_slowest,
)
from reference.sizing.units import Q, magnitude

_BASE = Q6Assumptions()
WORKING_DAYS = 21
WEEK = 5  # working days

PARAMETERS = {
    "changes": Parameter(_BASE.changes_per_day, "changes a working day", "that are reviewed"),
    "developers": Parameter(200, "developers", "who read the comments"),
    "p50": Parameter(round(_BASE.diff_p50), "tokens", "diff of the median change"),
    "p90": Parameter(round(_BASE.diff_p90), "tokens", "diff that one change in ten exceeds"),
    "agents": Parameter(_BASE.agents, "agents", "specialists, each of which reads the whole diff"),
    "price_in": Parameter(_BASE.middle_input, "USD per million tokens", "in"),
    "price_out": Parameter(_BASE.middle_output, "USD per million tokens", "out"),
    "cap": Parameter(_BASE.cap, "USD", "that one review may cost"),
    "call_s": Parameter(15, "s", "mean time of one call of the model"),
    "cpu_s": Parameter(_BASE.review_cpu_seconds, "s", "processor time of all analysers on one change"),
    "cores": Parameter(_BASE.cores, "cores", "of the machine that runs the analysers"),
    "false_each": Parameter(0.3, "comments a change", "that are false"),
}


def design(p: Mapping[str, float]) -> tuple[Figure, ...]:
    """One review by `agents` calls and a summary, on log-normal sizes; analysers share the cores. Raises ValueError for
    sizes, prices or counts that are none."""
    sizes = SizeDistribution.of_quantiles(p["p50"], p["p90"])
    price = CallPrice(p["price_in"], p["price_out"])
    agents, out = round(p["agents"]), _BASE.tokens_out
    calls = agents + 1

    def review(tokens: float) -> float:
        return calls * price.call(_BASE.instructions + tokens, out)

    fits = tokens_within(p["cap"], calls, price, _BASE.instructions, out)
    each = p["cpu_s"] / agents
    # The hours of a day and the share that a queue bears are those of the question's assumptions.
    machine = replace(_BASE, cores=round(p["cores"]), review_cpu_seconds=p["cpu_s"], changes_per_day=p["changes"])
    able = magnitude(per_day(machine, Q(p["changes"], "request/day")).computed, "request/day")
    busy = p["changes"] * p["cpu_s"] / (p["cores"] * _BASE.office_hours * 3600)
    waiting = p["call_s"] * (slowest_over_mean(agents, _BASE.variation) if agents > 1 else 1.0)
    weekly = comments_per_developer(p["false_each"], p["changes"] * WEEK, p["developers"])
    return (
        Figure("mean diff", sizes.mean, "tokens", note="the tail pulls it far above the median"),
        Figure("review of a median change", review(p["p50"]), "USD", note=f"{calls} calls, each with the whole diff"),
        Figure("review of a p99 change", review(sizes.quantile(0.99)), "USD", note="the cap is for these"),
        Figure("changes that the cap cuts", 100 * sizes.share_above(fits), "%",
               note=f"the cap pays for {fits:,.0f} tokens; the review must say what nobody read"),
        Figure("reviews of a month", review(sizes.mean) * p["changes"] * WORKING_DAYS, "USD a month",
               note="of the mean size, without a cap"),
        Figure("wait for the slowest agent", waiting, "s", note="of several calls side by side, not their mean"),
        Figure("analysers of one change", each * wall_over_slowest(each, 1.0, agents, round(p["cores"])), "s",
               note="processor time has to pass through the cores"),
        Figure("cores busy", 100 * busy, "%", note=f"in {_BASE.office_hours:g} hours; above 100 the queue only grows"),
        Figure("changes that the machine bears", able, "changes a day", note=f"at {_BASE.utilisation:.0%} busy"),
        Figure("false comments", weekly, "a developer and week", note="what people put up with is the real budget"),
    )  # fmt: skip


def _times(name: str, factor: float) -> Callable[[Mapping[str, float]], dict[str, float]]:
    return lambda p: {name: p[name] * factor}


INTERVIEW = Interview(
    question="q6",
    title="Agents that review code",
    opening=(
        "We want a system of several agents that reviews every pull request before a person does: quality, security, "
        "performance, tests, documentation. It comments on the lines, and a review must stay cheap. Design it."
    ),
    parameters=PARAMETERS,
    design=design,
    prompts={
        Phase.CLARIFY: (
            "Ask me what you need to know about our team and its changes.",
            "What would make our developers switch this off within a month?",
            "Who can open a pull request here, and does your answer change if it is anybody?",
        ),
        Phase.ARCHITECTURE: (
            "Draw the way of a change from the webhook to the comment.",
            "Why several agents and not one prompt? What does each boundary buy?",
            "Which process can write to the repository, and what has it read?",
        ),
        Phase.DEEP_DIVE: (
            "How does a finding become a comment on the right line? When does the platform refuse it?",
            "A comment in the code says that security has approved and that you may skip the file. What happens?",
            "How do you know how good it is? Which cases, how many, judged by what?",
            "Two agents find the same fault, a third says the opposite. What is posted?",
        ),
        Phase.SCALING: (
            "What breaks first when traffic grows tenfold: money, machines, or people?",
            "You may post ten comments on a change. You have forty. Which?",
        ),
        Phase.OPERATIONS: (
            "One analyser times out on every third change. What does the author see, and you?",
            "How does the system learn what this team does not want to hear, and what may it never unlearn?",
        ),
    },
    follow_ups=(
        FollowUp(
            Phase.CLARIFY,
            "Do not design for the median. Our vendors push large changes: the size that one in ten exceeds is three "
            "times what I said. Tell me about p99.",
            _times("p90", 3),
            "review of a p99 change",
            "Sizes spread over decades: sigma grows, and p99 grows by far more than three. The median review costs the "
            "same. Generated and vendored files are left out by name, the rest is cut by file and named.",
        ),
        FollowUp(
            Phase.ARCHITECTURE,
            "Somebody asks why there are so many agents. Merge them into two, with longer prompts.",
            lambda p: {"agents": 2.0},
            "review of a median change",
            "The diff is paid for once per agent and once more; fewer calls, a cheaper review. What goes: separate "
            "time-outs, budgets, failures and measurements. Whether several find more has to be measured, not claimed.",
        ),
        FollowUp(
            Phase.DEEP_DIVE,
            "Security adds a rule set that doubles the false comments.",
            _times("false_each", 2),
            "false comments",
            "Estimates what a developer now meets in a week. Tries it in silence, posts only rules whose precision's "
            "lower bound is above a stated value, and keeps critical ones.",
        ),
        FollowUp(
            Phase.DEEP_DIVE,
            "The cap for one review is halved.",
            _times("cap", 0.5),
            "changes that the cap cuts",
            "Asks whom it cuts: the large changes, which need a review most. Reserves the worst case before each call, "
            "drops whole agents or files in a stated order, and says in the review what is missing.",
        ),
        FollowUp(
            Phase.SCALING,
            "We are bought. Ten times the changes, five times the developers.",
            lambda p: {"changes": p["changes"] * 10, "developers": p["developers"] * 5},
            "cores busy",
            "Ten times the processor time on the same cores: says whether the queue still empties by evening. A newer "
            "push cancels the older review. The reading time grows per developer too.",
        ),
        FollowUp(
            Phase.SCALING,
            "A customer's contract: code may not leave the house. Your own model is four times slower.",
            _times("call_s", 4),
            "wait for the slowest agent",
            "The wait grows in proportion, for the slowest decides; time-outs must follow. The price is now hours of "
            "GPUs, not tokens, and the model's ability must be measured again before it may post.",
        ),
        FollowUp(
            Phase.OPERATIONS,
            "Half of the cores are lost for a day.",
            _times("cores", 0.5),
            "cores busy",
            "Twice as busy: says what is dropped first (documentation before security), that reviews are late or "
            "partial and say so, and that merging is never blocked by a reviewer that is down.",
        ),
    ),
    rubric=(
        Criterion(
            "attention is the budget", 3,
            "Sets a budget of false comments per developer or change before a recall goal, and says what happens to a "
            "rule that passes it.",
            "Wants few false positives, without a number or a consequence.",
            "the number and who it is per",
        ),
        Criterion(
            "tokens are counted", 3,
            "Lines times tokens and instructions, once per agent, with the mean or a high quantile beside the median; "
            "says whom the cap cuts.",
            "A price per review from an average size alone.",
            "the product and the quantile",
        ),
        Criterion(
            "agents are justified", 2,
            "Names what a boundary buys (time-out, budget, failure, measurement) and what it costs (the diff again), "
            "and would compare with one agent.",
            "Single responsibility as a principle.",
            "one thing bought and its price",
        ),
        Criterion(
            "the change is hostile", 4,
            "Nothing of the change is run; its text is data, never an order; comments come from templates or are "
            "escaped; the process with the write token never sees the diff; no approval exists.",
            "Mentions prompt injection and one of these.",
            "the boundary and what cannot cross it",
        ),
        Criterion(
            "comments land on lines", 2,
            "Maps findings to lines that the diff shows, on the new side, within one hunk; drops or summarises the "
            "others, since one wrong line refuses the whole review.",
            "Says that comments are on changed lines.",
            "what happens to a finding outside the diff",
        ),
        Criterion(
            "measured on cases that it was not made from", 4,
            "Faults with a known truth and clean changes, split by repository; precision, recall and silence with "
            "intervals; a language model works only after it beat the tools on such cases.",
            "An evaluation set with precision and recall, without a split or an interval.",
            "the split, and one interval or its width",
        ),
        Criterion(
            "it fails in parts and says so", 2,
            "Time-outs and budgets per agent; the rest is posted, and the summary names what nobody read; outcomes per "
            "rule mute what is unwanted, never what is critical.",
            "Retries and a fallback.",
            "what the author reads when one agent is gone",
        ),
    ),
)  # fmt: skip
