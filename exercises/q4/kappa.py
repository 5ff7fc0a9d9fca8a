"""Build it: Cohen's kappa of two reviewers, the ceiling of every model that is trained on them."""

from __future__ import annotations

from collections import Counter
from random import Random

from exercises.model import Build, Case, Exercise, Kind, Params, Wrong
from reference.moderation.evaluation.agreement import agreement_of

Pairs = list[list[str]]
Found = list[float | None]


def draw(random: Random) -> dict[str, object]:
    return {
        "posts": random.choice([14, 18, 22, 26]),
        "verdicts": random.choice([["approve", "reject"], ["approve", "escalate", "reject"]]),
    }


def prompt(p: Params) -> str:
    verdicts = ", ".join(f'`"{verdict}"`' for verdict in p["verdicts"])
    return f"""Some posts go to two reviewers who do not know of each other; in your queue some {p["posts"]} a day,
with the verdicts {verdicts}. That they say the same on most posts proves little where nearly everything is approved.
Write `kappa(pairs)`, which returns `[observed, kappa]` for a list of `[first, second]` verdicts, one pair per post.

`observed` is the share of the pairs that are equal. Expected by chance is the sum over all verdicts of the share with
which the first reviewer gives it times the share with which the second one does. `kappa` is observed less expected,
divided by one less expected. It is `None` where it is not defined: without pairs (then `observed` is 0.0), and where
both reviewers give one and the same verdict to every post."""


STUB = '''def kappa(pairs: list[list[str]]) -> list:
    """[observed, kappa] of [[first reviewer's verdict, second reviewer's], ...]; any texts may be verdicts.

    observed: 0.0 to 1.0, 0.0 without pairs. kappa: at most 1.0, may be negative; None without pairs, and where both
    give one and the same verdict throughout.
    """
    raise NotImplementedError
'''


def reference(pairs: Pairs) -> Found:
    found = agreement_of([(one, other) for one, other in pairs], rounds=1)  # the interval is not asked for
    return [found.observed, found.kappa]


def _observed(pairs: Pairs) -> float:
    return sum(one == other for one, other in pairs) / len(pairs) if pairs else 0.0


def _corrected(observed: float, expected: float) -> float | None:
    return (observed - expected) / (1 - expected) if expected < 1 - 1e-12 else None


def agreement_for_kappa(pairs: Pairs) -> Found:
    return [_observed(pairs), _observed(pairs) if pairs else None]


def even_chance(pairs: Pairs) -> Found:
    names = {name for pair in pairs for name in pair}
    return [_observed(pairs), _corrected(_observed(pairs), 1 / len(names)) if pairs else None]


def pooled_chance(pairs: Pairs) -> Found:
    counts = Counter(name for pair in pairs for name in pair)
    expected = sum((count / (2 * len(pairs))) ** 2 for count in counts.values()) if pairs else 1.0
    return [_observed(pairs), _corrected(_observed(pairs), expected)]


def undefined_as_zero(pairs: Pairs) -> Found:
    observed, found = reference(pairs)
    return [observed, 0.0 if found is None else found]


def cases(p: Params, random: Random) -> list[Case]:
    names = list(p["verdicts"])

    def reviewed(size: int, weights: list[float], slip: float) -> Pairs:
        """The second reviewer follows the first, except for a share `slip`, and leans to the last verdict then."""
        firsts = random.choices(names, weights, k=size)
        others = [names[-1], names[0]]
        return [[one, random.choices([one, *others], [1 - slip, slip * 0.8, slip * 0.2])[0]] for one in firsts]

    def case(group: str, pairs: Pairs) -> Case:
        return Case(group, {"pairs": pairs})

    usual, rare, odd, undefined = "two careful reviewers", "a rare verdict", "two who disagree", "nothing to compare"
    even, few = [1.0] * len(names), [12.0, *[1.0] * (len(names) - 1)]
    apart = [[names[0], names[-1]], [names[-1], names[-1]]]  # nobody agrees on everything
    found = [case(usual, reviewed(p["posts"] + random.randrange(8), even, 0.3) + apart) for _ in range(4)]
    found += [case(rare, reviewed(p["posts"], few, 0.3) + [[names[-1], names[0]]] * 2) for _ in range(4)]
    for _ in range(3):
        pairs = [[random.choice(names), names[-1]] for _ in range(p["posts"])]
        found.append(case(odd, [*pairs, [names[-1], names[0]], [names[0], names[0]]]))
    found.append(case(undefined, []))
    found += [case(undefined, [[name, name]] * random.randrange(3, 20)) for name in random.sample(names, 2)]
    return found


EXERCISE = Exercise(
    id="q4-kappa",
    kind=Kind.BUILD,
    title="Agreement beyond chance",
    section="4.9",
    difficulty=1,
    minutes=12,
    points=5,
    draw=draw,
    prompt=prompt,
    hints=(
        "`collections.Counter` counts the verdicts of each reviewer.",
        "A verdict that only one of them ever gives adds nothing to what chance would make equal.",
        "When is one less expected zero? Decide that before you divide.",
    ),
    build=Build(
        name="kappa",
        stub=STUB,
        reference=reference,
        wrong=(
            Wrong("agreement_for_kappa", agreement_for_kappa),
            Wrong("even_chance", even_chance),
            Wrong("pooled_chance", pooled_chance),
            Wrong("undefined_as_zero", undefined_as_zero),
        ),
        cases=cases,
    ),
)
