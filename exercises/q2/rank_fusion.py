"""Build it: reciprocal rank fusion, as the hybrid search of question 2 uses it."""

from __future__ import annotations

from random import Random
from types import SimpleNamespace
from typing import Any, cast

from exercises.model import Build, Case, Exercise, Kind, Params, Wrong
from reference.rag.fusion import RankedList, reciprocal_rank_fusion
from reference.rag.types import Hit


def draw(random: Random) -> dict[str, object]:
    return {"k": random.choice([20, 40, 60, 80])}


def prompt(p: Params) -> str:
    return f"""Two searchers rank chunks by scores that cannot be compared. Write `fuse(rankings, k)`, which the hybrid
search calls with k = {p["k"]}: `rankings` is a list of lists of chunk ids, best first. Each list adds 1 / (k + rank) to
a chunk, ranks from 1; a chunk named twice in a list counts once, at its better rank. Return all chunks as
`[id, score]`, highest score first; equal scores by best rank in any list, then by id."""


STUB = '''def fuse(rankings: list[list[str]], k: float) -> list[list]:
    """[[id, score], ...], highest first. rankings: ids, best first; may be empty, as may each list."""
    raise NotImplementedError
'''


def reference(rankings: list[list[str]], k: float) -> list[list[Any]]:
    # Fusion reads nothing of a chunk but its id; a real chunk's id is a hash of its text.
    lists = [
        RankedList(str(number), [Hit(cast(Any, SimpleNamespace(id=name)), 0.0, {}) for name in ids])
        for number, ids in enumerate(rankings)
    ]
    return [[hit.chunk.id, hit.score] for hit in reciprocal_rank_fusion(lists, k)]


def _fused(rankings: list[list[str]], k: float, first: int = 1, once: bool = True) -> list[list[object]]:
    """The same by hand, with one thing wrong."""
    scores: dict[str, float] = {}
    best: dict[str, int] = {}
    for ids in rankings:
        seen = set()
        for rank, name in enumerate(ids, start=first):
            if once and name in seen:
                continue
            seen.add(name)
            scores[name] = scores.get(name, 0.0) + 1 / (k + rank)
            best[name] = min(rank, best.get(name, rank))
    return [[name, scores[name]] for name in sorted(scores, key=lambda n: (-scores[n], best[n], n))]


def ranks_from_zero(rankings: list[list[str]], k: float) -> list[list[object]]:
    return _fused(rankings, k, first=0)


def counts_twice(rankings: list[list[str]], k: float) -> list[list[object]]:
    return _fused(rankings, k, once=False)


def ties_as_they_come(rankings: list[list[str]], k: float) -> list[list[object]]:
    fused: dict[str, float] = dict(map(tuple, reference(rankings, k)))
    order = list(dict.fromkeys(name for ids in rankings for name in ids))
    return [[name, fused[name]] for name in sorted(order, key=lambda n: -fused[n])]


def cases(p: Params, random: Random) -> list[Case]:
    def ranking(size: int, pool: int = 12) -> list[str]:
        return random.sample([f"c{number:02d}" for number in range(pool)], size)

    def case(group: str, *rankings: list[str]) -> Case:
        return Case(group, {"rankings": list(rankings), "k": p["k"]})

    lists = [case("two or three lists", *(ranking(6) for _ in range(size))) for size in (2, 3, 2, 3)]
    empty = [case("empty lists", ranking(4), []), case("empty lists"), case("empty lists", [], ranking(3), [])]
    repeated = [case("a chunk twice in a list", [*one, one[0]], ranking(4)) for one in (ranking(5) for _ in range(3))]
    # Two lists that hold the same places in turn, disjoint: equal scores in pairs, decided by rank and id.
    ties = []
    for _ in range(4):
        names = ranking(8)
        ties.append(case("ties", names[:4], names[4:]))
    return [*lists, *empty, *repeated, *ties]


EXERCISE = Exercise(
    id="q2-rank-fusion",
    kind=Kind.BUILD,
    title="Fuse two rankings",
    section="4.5",
    difficulty=2,
    minutes=15,
    points=6,
    draw=draw,
    prompt=prompt,
    hints=(
        "One dictionary of scores and one of best ranks are enough.",
        "Sort by a tuple: what comes first may be negated.",
        "A set of names already seen in this list tells whether one comes twice.",
    ),
    build=Build(
        name="fuse",
        stub=STUB,
        reference=reference,
        wrong=(
            Wrong("ranks_from_zero", ranks_from_zero),
            Wrong("counted_twice", counts_twice),
            Wrong("ties_unordered", ties_as_they_come),
        ),
        cases=cases,
    ),
)
