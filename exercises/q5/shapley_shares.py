"""Build it: Shapley shares of savings, as the plan of question 5 divides them."""

from __future__ import annotations

from random import Random

from exercises.model import Build, Case, Exercise, Kind, Params, Wrong
from reference.sizing.bill.plan import games


def draw(random: Random) -> dict[str, object]:
    return {"bill": random.choice([80_000, 120_000, 250_000, 500_000]), "overlap": random.choice([0.2, 0.35, 0.5])}


def prompt(p: Params) -> str:
    return f"""A plan for a bill of {p["bill"]:,} dollars a month knows what every *set* of strategies saves, for
savings overlap and some strategies only pay beside others. Write `shapley(savings, n)`, which says what part of the
common saving is each strategy's: the mean, over all n! orders in which the n strategies can be built, of what it adds
when its turn comes.

A set is a bit mask: `savings[0b101]` is what strategies 0 and 2 save together. `savings` has 2^n numbers, and
`savings[0]` is 0. Numbers may be negative: a strategy can cost more than it saves. Return a list of n numbers, strategy
0 first."""


STUB = '''def shapley(savings: list[float], n: int) -> list[float]:
    """n Shapley shares, in dollars; they add up to savings[2**n - 1].

    savings: 2**n numbers; savings[mask] is what the set of all i with `mask >> i & 1` saves; savings[0] is 0.
    n: from 0 (then []) to 6.
    """
    raise NotImplementedError
'''


def in_the_given_order(savings: list[float], n: int) -> list[float]:
    return list(games.marginals(savings, range(n)).values())


def alone_scaled(savings: list[float], n: int) -> list[float]:
    alone = [savings[1 << i] for i in range(n)]
    total = sum(alone)
    return [one * savings[-1] / total if total else 0.0 for one in alone]


def first_and_last(savings: list[float], n: int) -> list[float]:
    """Mean of first place and last place: right for two strategies only."""
    everything = (1 << n) - 1
    return [(savings[1 << i] + savings[everything] - savings[everything & ~(1 << i)]) / 2 for i in range(n)]


def sets_counted_alike(savings: list[float], n: int) -> list[float]:
    """Every set before i counts once, however many orders have it there (Banzhaf's index): right for two only."""
    return [
        sum(savings[mask | 1 << i] - savings[mask] for mask in range(1 << n) if not mask >> i & 1) / 2 ** (n - 1)
        for i in range(n)
    ]


def cases(p: Params, random: Random) -> list[Case]:
    def game(n: int, idle: int | None = None, beside: tuple[int, int] | None = None) -> list[float]:
        """Savings that overlap, no two draws alike. idle: does nothing. beside: a pair of which the first only pays
        with the second, and costs something without it."""
        share = [random.uniform(0.05, 0.6) for _ in range(n)]
        cost = [p["bill"] * random.uniform(0.0, 0.05) for _ in range(n)]
        found = []
        for mask in range(1 << n):
            members = [i for i in games.members(mask, n) if i != idle]
            kept = 1.0
            for i in members:
                if not (beside and i == beside[0] and not mask >> beside[1] & 1):
                    kept *= 1 - share[i]
            extra = p["overlap"] * p["bill"] * random.uniform(0.0, 0.1) if len(members) > 1 and idle is None else 0.0
            found.append(p["bill"] * (1 - kept) - sum(cost[i] for i in members) - extra)
        return found

    def case(group: str, savings: list[float], n: int) -> Case:
        return Case(group, {"savings": savings, "n": n})

    two = [case("two strategies", game(2), 2) for _ in range(4)]
    more = [case("three and four strategies", game(n), n) for n in (3, 4, 3, 4)]
    idle = [case("one that does nothing", game(n, idle=random.randrange(n)), n) for n in (3, 4, 3)]
    beside = [case("one that needs another", game(n, beside=(0, n - 1)), n) for n in (2, 3, 4)]
    small = [case("one strategy, and none", game(1), 1), case("one strategy, and none", [0.0], 0)]
    return [*two, *more, *idle, *beside, *small]


EXERCISE = Exercise(
    id="q5-shapley-shares",
    kind=Kind.BUILD,
    title="Whose saving is it?",
    section="2.3",
    difficulty=2,
    minutes=15,
    points=6,
    draw=draw,
    prompt=prompt,
    hints=(
        "`itertools.permutations(range(n))` gives the orders; six strategies have 720 of them.",
        "Walk each order with the mask of what is built so far: what does the next strategy add to it?",
        "Check yourself: the shares add up to what all of them save together.",
    ),
    build=Build(
        name="shapley",
        stub=STUB,
        reference=games.shapley,
        wrong=(
            Wrong("one_order_only", in_the_given_order),
            Wrong("alone_scaled", alone_scaled),
            Wrong("only_first_and_last", first_and_last),
            Wrong("sets_counted_alike", sets_counted_alike),
        ),
        cases=cases,
    ),
)
