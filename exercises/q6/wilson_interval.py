"""Build it: Wilson's interval of a share, which question 6 puts beside every precision and recall."""

from __future__ import annotations

from math import sqrt
from random import Random

from exercises.model import Build, Case, Exercise, Kind, Params, Wrong
from reference.agents.evaluation import metrics


def draw(random: Random) -> dict[str, object]:
    z, level = random.choice([(1.645, 90), (1.96, 95), (2.326, 98), (2.576, 99)])
    return {"z": z, "level": level, "changes": random.choice([20, 40, 60, 90])}


def prompt(p: Params) -> str:
    return f"""Of {p["changes"]} clean changes none got a comment. Silent on 100%, then? Write `wilson(hits, n, z)`,
the interval of a share of which `hits` of `n` trials were seen; the reports call it with z = {p["z"]:g} for
{p["level"]}%.

Wilson's interval holds every share p that what was seen does not speak against: those with
`|hits / n - p| <= z * sqrt(p * (1 - p) / n)`. Its ends are the two solutions of the equality. Return `[low, high]`,
both within [0, 1]. Without trials every share is possible: `[0.0, 1.0]`. Counts that cannot be (fewer than 0 hits, more
hits than trials, fewer than 0 trials) raise ValueError."""


STUB = '''def wilson(hits: int, n: int, z: float) -> list[float]:
    """[low, high]: Wilson's interval of hits / n, within [0, 1]; [0.0, 1.0] for n = 0.

    z: how many standard deviations, above 0. Raises ValueError unless 0 <= hits <= n.
    """
    raise NotImplementedError
'''


def reference(hits: int, n: int, z: float) -> list[float]:
    return list(metrics.wilson(hits, n, z))


def _checked(hits: int, n: int) -> None:
    if not 0 <= hits <= n:
        raise ValueError(f"hits: from 0 to {n}, got {hits}")


def _clipped(centre: float, spread: float) -> list[float]:
    return [max(0.0, centre - spread), min(1.0, centre + spread)]


def wald(hits: int, n: int, z: float) -> list[float]:
    """The usual one: no width at all where every trial or none was a hit."""
    _checked(hits, n)
    if n == 0:
        return [0.0, 1.0]
    share = hits / n
    return _clipped(share, z * sqrt(share * (1 - share) / n))


def centre_alone_moved(hits: int, n: int, z: float) -> list[float]:
    """Agresti and Coull's: Wilson's centre, with the usual width around it."""
    _checked(hits, n)
    if n == 0:
        return [0.0, 1.0]
    many = n + z * z
    share = (hits + z * z / 2) / many
    return _clipped(share, z * sqrt(share * (1 - share) / many))


def not_scaled(hits: int, n: int, z: float) -> list[float]:
    """The numerator alone."""
    _checked(hits, n)
    if n == 0:
        return [0.0, 1.0]
    share = hits / n
    return _clipped(share + z * z / (2 * n), z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)))


def no_trials_no_share(hits: int, n: int, z: float) -> list[float]:
    return [0.0, 0.0] if n == 0 == hits else reference(hits, n, z)


def takes_any_count(hits: int, n: int, z: float) -> list[float]:
    return [0.0, 1.0] if n <= 0 else reference(max(0, min(hits, n)), n, z)


def cases(p: Params, random: Random) -> list[Case]:
    def case(group: str, hits: int, n: int) -> Case:
        return Case(group, {"hits": hits, "n": n, "z": p["z"]})

    middle = []
    for _ in range(4):
        n = random.randint(12, 150)
        middle.append(case("shares in the middle", random.randint(n // 5, 4 * n // 5), n))
    ends = [case("none and all", random.choice([0, n]), n) for n in (random.randint(5, 200) for _ in range(2))]
    ends += [case("none and all", 0, random.randint(5, 200)), case("none and all", p["changes"], p["changes"])]
    few = [case("few trials", random.randint(0, n), n) for n in (1, 2, 3, 4)]
    nothing = [case("no trials", 0, 0)]
    n = random.randint(3, 30)
    impossible = [(n + random.randint(1, 5), n), (-random.randint(1, 5), n), (0, -n)]
    return [*middle, *ends, *few, *nothing, *(case("impossible counts", *one) for one in impossible)]


EXERCISE = Exercise(
    id="q6-wilson-interval",
    kind=Kind.BUILD,
    title="How sure is all of them?",
    section="4.5",
    difficulty=2,
    minutes=15,
    points=6,
    draw=draw,
    prompt=prompt,
    hints=(
        "Square both sides: what is left is a quadratic in p.",
        "Its leading coefficient is not 1: both solutions are divided by it.",
        "Try 0 of 10 and 10 of 10: one end must be exactly 0 or 1, up to rounding, and the other must not.",
    ),
    build=Build(
        name="wilson",
        stub=STUB,
        reference=reference,
        wrong=(
            Wrong("wald_interval", wald),
            Wrong("centre_alone_moved", centre_alone_moved),
            Wrong("not_scaled", not_scaled),
            Wrong("no_trials_no_share", no_trials_no_share),
            Wrong("takes_any_count", takes_any_count),
        ),
        cases=cases,
    ),
)
