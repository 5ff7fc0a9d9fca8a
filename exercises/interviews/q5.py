"""The mock interview of question 5: half a million dollars a month for API calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from exercises.interviews.model import Criterion, Figure, FollowUp, Interview, Parameter, Phase
from reference.sizing.bill.plan import games
from reference.sizing.bill.plan.assumptions import PlanAssumptions
from reference.sizing.review_cost import CallPrice
from reference.sizing.self_hosting import Hosting

_BASE = PlanAssumptions()
STEPS = ("routing", "exact cache", "batches", "own embeddings")
TEXT_TOKENS = 256  # assumed: a passage
EMBEDDING_PRICE = 0.1  # dollars per million tokens, text-embedding-ada-002
BATCH = 0.5  # share of the list price, OpenAI's batch API

PARAMETERS = {
    "requests": Parameter(60e6, "requests a month", "to the strong model"),
    "tokens_in": Parameter(800, "tokens", "in, mean of a request"),
    "tokens_out": Parameter(400, "tokens", "out, mean of a request"),
    "strong_in": Parameter(3, "USD per million tokens", "price of the strong model, in"),
    "strong_out": Parameter(15, "USD per million tokens", "price of the strong model, out"),
    "cheap_in": Parameter(0.25, "USD per million tokens", "price of the cheap model, in"),
    "cheap_out": Parameter(2, "USD per million tokens", "price of the cheap model, out"),
    "easy": Parameter(0.6, "", "share of the requests that the cheap model answers as well"),
    "repeats": Parameter(0.2, "", "share of the requests that an exact cache answers"),
    "waits": Parameter(0.2, "", "share of the requests that may wait a day"),
    "texts": Parameter(500e6, "texts a month", "embedded through an API"),
    "budget": Parameter(250_000, "USD a month", "that finance allows"),
}


def _bill(p: Mapping[str, float], mask: int, host: Hosting) -> float:
    """Dollars a month with the set of steps in `mask`, what they cost to run included."""
    routing, cache, batches, own = (bool(mask >> i & 1) for i in range(len(STEPS)))
    strong = CallPrice(p["strong_in"], p["strong_out"]).call(p["tokens_in"], p["tokens_out"])
    cheap = CallPrice(p["cheap_in"], p["cheap_out"]).call(p["tokens_in"], p["tokens_out"])
    request = (1 - p["easy"]) * strong + p["easy"] * cheap if routing else strong
    sent = p["requests"] * (1 - (p["repeats"] if cache else 0.0))
    paid = 1 - (p["waits"] * (1 - BATCH) if batches else 0.0)
    tokens = p["texts"] * TEXT_TOKENS
    embedding = host.cost(tokens) if own else tokens * EMBEDDING_PRICE / 1e6
    run = routing * _BASE.route_monthly.value + cache * _BASE.cache_monthly.value
    return sent * request * paid + embedding + run


def design(p: Mapping[str, float]) -> tuple[Figure, ...]:
    """Four steps on one bill: each after the ones before it, and the best set of them. Raises ValueError for a share
    outside of 0 to 1."""
    for name in ("easy", "repeats", "waits"):
        if not 0 <= p[name] <= 1:
            raise ValueError(f"{name}: a share from 0 to 1, got {p[name]:g}")
    a = _BASE
    host = Hosting(
        a.embed_rate.value, a.embed_gpu_price.value, a.embed_utilisation.value, int(a.embed_replicas.value),
        a.embed_ops.value,
    )  # fmt: skip
    n = len(STEPS)
    bills = [_bill(p, mask, host) for mask in range(1 << n)]
    savings = [bills[0] - one for one in bills]
    best = games.best_set(savings, (1 << n) - 1)
    done = [STEPS[i] for i in games.members(best, n)]
    left = [name for name in STEPS if name not in done]
    alone = sum(savings[1 << i] for i in games.members(best, n))
    request = CallPrice(p["strong_in"], p["strong_out"]).call(p["tokens_in"], p["tokens_out"])
    return (
        Figure("one request", 1_000 * request, "USD per 1,000", note="at the strong model; output has its own price"),
        Figure("bill today", bills[0], "USD a month", note="requests times tokens times price, and the embeddings"),
        Figure("after routing", bills[0b1], "USD a month", note="what moves still costs the cheap price"),
        Figure("after the exact cache", bills[0b11], "USD a month", note="its share of what routing left"),
        Figure("after batches", bills[0b111], "USD a month", note="half price, only for what may wait"),
        Figure("bill at the end", bills[best], "USD a month",
               note=f"with {', '.join(done) or 'nothing'}; not worth it: {', '.join(left) or 'none'}"),
        Figure("saved", 100 * savings[best] / bills[0] if bills[0] else 0.0, "%", note="of today's bill"),
        Figure("promised twice", alone - savings[best], "USD a month", note="the savings alone, less all together"),
        Figure("over budget", bills[best] - p["budget"], "USD a month", note="negative: below it"),
        Figure("GPUs for embeddings", host.gpus(p["texts"] * TEXT_TOKENS), "GPUs",
               note="by the roofline of an A10G at half load, two at least"),
    )  # fmt: skip


def _times(name: str, factor: float) -> Callable[[Mapping[str, float]], dict[str, float]]:
    return lambda p: {name: p[name] * factor}


INTERVIEW = Interview(
    question="q5",
    title="Cut the bill for language models",
    opening=(
        "Our product spends about half a million dollars a month on API calls: a strong language model for nearly "
        "everything, and an embedding API for search. Finance wants to see half of it within two quarters. How do you "
        "go about it?"
    ),
    parameters=PARAMETERS,
    design=design,
    prompts={
        Phase.CLARIFY: (
            "Ask me what you need to know; I have the usage export and the product's owner at hand.",
            "Which of your questions would change what you build first?",
            "Does the bill follow from what I have told you? Show me.",
        ),
        Phase.ARCHITECTURE: (
            "Draw the way of one request, from the product to whoever answers it.",
            "In which order do the stages stand, and why that one?",
            "Where do you count, and what is in each record?",
        ),
        Phase.DEEP_DIVE: (
            "Take the saving that you believe in most. What decides for one request, and how well does it decide?",
            "What does a wrong answer cost here, and who pays for it?",
            "A thousand users ask the same thing in the same second. What happens in your cache?",
            "Two of your savings meet on one request. How much of the second is left?",
        ),
        Phase.SCALING: (
            "Which of your steps would you not build at a quarter of this volume?",
            "When does a GPU of your own pay, and what would have to be true for that?",
        ),
        Phase.OPERATIONS: (
            "The bill rises by a third over a weekend. What do you look at first, second, third?",
            "Which alert tells you that a saving costs answers?",
        ),
    },
    follow_ups=(
        FollowUp(
            Phase.CLARIFY,
            "I looked at the export: requests are a third of what I said, and prompts are three times as long.",
            lambda p: {"requests": p["requests"] / 3, "tokens_in": p["tokens_in"] * 3},
            "bill today",
            "The input of the bill stays, its output falls to a third, so the total falls by less than two thirds. The "
            "long prompt is now worth a look: what of it is the same every time?",
        ),
        FollowUp(
            Phase.ARCHITECTURE,
            "Legal says: answers that hold personal data may be kept nowhere. That is half of the repeats.",
            _times("repeats", 0.5),
            "bill at the end",
            "The cache loses half of its hits, of the bill that routing left; compares what remains with what the "
            "cache costs to run. Keys hold the customer anyway. Marks such answers before they are stored, not after.",
        ),
        FollowUp(
            Phase.DEEP_DIVE,
            "Your labelled sample is back: the cheap model answers only half as many requests as well as you hoped.",
            _times("easy", 0.5),
            "after routing",
            "The saving halves, since it is linear in the share. Says what the sample's interval is, and asks what "
            "labels would buy: a better small model, or a better router.",
        ),
        FollowUp(
            Phase.DEEP_DIVE,
            "Over night the provider halves the price of the strong model, in and out.",
            lambda p: {"strong_in": p["strong_in"] / 2, "strong_out": p["strong_out"] / 2},
            "saved",
            "Today's bill halves with no work at all, and every saving with it; what the machinery costs stays. So "
            "prefer steps that pay within weeks.",
        ),
        FollowUp(
            Phase.SCALING,
            "We win a large customer: ten times the requests, and ten times the texts.",
            lambda p: {"requests": p["requests"] * 10, "texts": p["texts"] * 10},
            "GPUs for embeddings",
            "API costs grow in proportion, GPUs in steps, people hardly: self-hosting looks better with volume. Asks "
            "how peaky the load is before trusting the planned utilisation, and about rate limits of the API.",
        ),
        FollowUp(
            Phase.SCALING,
            "And now the budget is halved.",
            _times("budget", 0.5),
            "over budget",
            "Says by how much it is missed and that no cache closes such a gap; names the requirement that would have "
            "to give (who gets the strong model, how long answers are, a negotiated price), with its size.",
        ),
        FollowUp(
            Phase.OPERATIONS,
            "The batch API is out for a month. Nothing may wait.",
            lambda p: {"waits": 0.0},
            "after batches",
            "That step is gone and the work goes to the list price or to another provider; the backlog has an age and "
            "an alert. A saving is a dependency: it needs a way back.",
        ),
    ),
    rubric=(
        Criterion(
            "the bill is recomputed", 3,
            "Multiplies requests, tokens in and out and both prices aloud, compares with what is stated, and asks for "
            "the export by model and feature when they differ.",
            "Asks for tokens, but takes the stated rows as they are.",
            "the product, with units",
        ),
        Criterion(
            "savings multiply", 3,
            "Takes each saving of the bill that the ones before it leave, and says how much is promised twice or that "
            "the order changes each one's share.",
            "Says that savings overlap, without doing it in the numbers.",
            "the second saving and what it is a share of",
        ),
        Criterion(
            "quality has a bound", 4,
            "For what may change answers (routing, semantic cache, shorter prompts) names a labelled sample, an "
            "allowed loss with its uncertainty, and what is switched off when it is passed; compares a router with "
            "sending at random.",
            "Wants an evaluation, without size, bound or consequence.",
            "the sample, the bound, the consequence",
        ),
        Criterion(
            "the cache is safe", 3,
            "Keys hold customer, model version, prompt and parameters; equal requests at the same time share one "
            "generation, failures are not kept; a semantic hit is priced by what a wrong answer costs.",
            "An exact cache with a time to live; the rest only when asked.",
            "what is in the key, and what happens to a failure",
        ),
        Criterion(
            "own GPUs are compared with the bill that is left", 2,
            "Compares with the API's price for the remaining volume: measured rate, planned utilisation, whole GPUs, "
            "people.",
            "A price per GPU against the bill, without utilisation or people.",
            "the volume at which it pays, and of which bill",
        ),
        Criterion(
            "an order of work", 2,
            "Orders by dollars per engineer-week on what is left, switches before systems, and refuses at least one "
            "step for this bill.",
            "An order, without what decides it.",
            "the refused step and the reason",
        ),
        Criterion(
            "it stays saved", 3,
            "Counts dollars per request by feature and customer, alerts on share routed, hits that are rejected and "
            "cached input, and has a first reaction and a way back for each step.",
            "Watches the total bill.",
            "the metric and the first reaction",
        ),
    ),
)  # fmt: skip
