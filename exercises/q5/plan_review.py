"""Find the mistake: a bill cut in five steps, one of which does not follow from the line above it."""

from __future__ import annotations

from random import Random

from exercises.model import Ask, Exercise, Kind, Mistake, Params
from exercises.steps import first_wrong, other_steps
from reference.sizing.bill.lines import Line
from reference.sizing.bill.plan.strategies import batching, caching, dollars, prompts, routing
from reference.sizing.bill.prices import model_price

STEPS = ("1", "2", "3", "4", "5")
# A strong model and a cheap one of one provider, with one ratio of output to input price.
PAIRS = (("gpt-4o", "gpt-4o-mini"), ("claude-sonnet-4-5", "claude-haiku-4-5"), ("gpt-5", "gpt-5-mini"))


def draw(random: Random) -> dict[str, object]:
    strong, cheap = random.choice(PAIRS)
    tokens_in, tokens_out = random.choice([(800, 400), (1_200, 300), (2_000, 500), (1_000, 250)])
    prices = {name: model_price(name) for name in (strong, cheap)}
    per_1000 = {
        name: (tokens_in * one.input + tokens_out * one.output) / 1_000 for name, one in prices.items()
    }  # dollars
    given = {
        "strong": strong,
        "cheap": cheap,
        "requests": random.choice([40, 60, 90]) * 1_000_000,
        "tokens_in": tokens_in,
        "tokens_out": tokens_out,
        "strong_per_1000": per_1000[strong],
        "cheap_per_1000": per_1000[cheap],
        "input_share": tokens_in * prices[strong].input / 1_000 / per_1000[strong],
        "routed": random.choice([0.4, 0.5, 0.6]),
        "hits": random.choice([0.15, 0.2, 0.25]),
        "cut": random.choice([150, 200, 300]),
        "waits": random.choice([0.2, 0.3, 0.4]),
        "own_cost": random.choice([6_000, 9_000, 14_000]),
    }
    return {**given, **_said(given, broken=random.choice(STEPS))}


def _steps(p: Params, broken: str) -> list[float]:
    """The bill after each step, every one from the one before it; one of them as the candidate has it."""
    before = p["requests"] / 1_000 * p["strong_per_1000"]
    cheap = 0.0 if broken == "1" else p["cheap_per_1000"]
    routed = p["requests"] / 1_000 * ((1 - p["routed"]) * p["strong_per_1000"] + p["routed"] * cheap)
    cached = routed - p["hits"] * (before if broken == "2" else routed)
    shorter = cached * (1 - p["cut"] / p["tokens_in"] * (1.0 if broken == "3" else p["input_share"]))
    batched = shorter * (1 - (0.5 if broken == "4" else p["waits"] * 0.5))
    return [routed, cached, shorter, batched, batched + (0.0 if broken == "5" else p["own_cost"])]


def _said(p: Params, broken: str) -> dict[str, object]:
    said = _steps(p, broken)
    away = "so what moves is saved" if broken == "1" else "so what moves costs that instead"
    off = "of the bill we started from" if broken == "2" else "of what is left"
    cut = f"{p['cut']} of {p['tokens_in']:,} tokens in go"
    share = "and the bill falls in that proportion" if broken == "3" else "and input is the share given of each price"
    half = (
        "batches cost half, so half" if broken == "4" else f"{p['waits']:.0%} may wait and cost half, so half of that"
    )
    paid = "their savings have paid for that, so the bill stays" if broken == "5" else "that goes on top"
    return {
        "lines": [
            f"Routing moves {p['routed']:.0%} of the requests to `{p['cheap']}`, {away}: {said[0]:,.0f}.",
            f"The exact cache answers {p['hits']:.0%} of the requests, which takes {p['hits']:.0%} {off}: "
            f"{said[1]:,.0f}.",
            f"Shorter prompts: {cut}, {share}: {said[2]:,.0f}.",
            f"Batches: {half} is saved: {said[3]:,.0f}.",
            f"The router and the cache cost {p['own_cost']:,} a month to run; {paid}: {said[4]:,.0f}.",
        ],
        "said": said,
    }


def prompt(p: Params) -> str:
    steps = "\n".join(f"{number}. {line}" for number, line in enumerate(p["lines"], 1))
    return f"""A candidate cuts a bill of {p["requests"]:,} requests a month to `{p["strong"]}`, each of
{p["tokens_in"]:,} tokens in and {p["tokens_out"]:,} out. A thousand of them cost {p["strong_per_1000"]:.3f} dollars
there and {p["cheap_per_1000"]:.3f} at `{p["cheap"]}`; at both, input is {p["input_share"]:.1%} of a request's price.
Repeats, prompts and waiting are spread alike over all requests. The bill after each step, in dollars a month:

{steps}

One step is wrong; those after it only carry it on.

- `wrong_step`: `"1"` to `"5"`.
- `bill`: the bill after all five steps, in dollars a month."""


def answers(p: Params) -> dict[str, float | str]:
    before = Line(p["strong"], p["requests"], p["requests"] * p["tokens_in"], p["requests"] * p["tokens_out"])
    lines = routing([before], to={p["strong"]: p["cheap"]}, share=p["routed"]).lines
    lines = caching(lines, exact=p["hits"], semantic=0.0).lines
    lines = prompts(lines, system_share=p["cut"] / p["tokens_in"], system_factor=0.0).lines
    lines = batching(lines, share=p["waits"]).lines
    # A step is wrong if it does not follow from what the line above it says.
    said = p["said"]
    whole = _steps(p, "")
    fixed = [
        whole[0],
        said[0] * (1 - p["hits"]),
        said[1] * (1 - p["cut"] / p["tokens_in"] * p["input_share"]),
        said[2] * (1 - p["waits"] * 0.5),
        said[3] + p["own_cost"],
    ]
    wrong = first_wrong(STEPS, fixed, said)
    return {"wrong_step": wrong, "bill": float(dollars(lines)) + p["own_cost"]}


def mistakes(p: Params) -> dict[str, list[Mistake]]:
    right = answers(p)
    found = [Mistake("carried_mistake", p["said"][4])]
    if right["wrong_step"] != "5":
        found.append(Mistake("forgot_running_cost", float(right["bill"]) - p["own_cost"]))
    return {
        "wrong_step": other_steps(STEPS, right["wrong_step"]),
        "bill": found,
    }


EXERCISE = Exercise(
    id="q5-plan-review",
    kind=Kind.FIND,
    title="One saving of this plan is wrong",
    section="2.3",
    difficulty=2,
    minutes=9,
    points=4,
    draw=draw,
    prompt=prompt,
    hints=(
        "Redo each step from the line above it only.",
        "Of each saving, ask what it is a share of.",
        "Some things are cheaper and some are gone: which?",
    ),
    asks=(
        Ask("wrong_step", "", "the wrong step", choices=STEPS),
        Ask("bill", "USD", "the bill after all steps", tolerance=0.01),
    ),
    answers=answers,
    mistakes=mistakes,
)
