"""Build it: recall and nDCG over a set of questions, as question 2 measures its stages."""

from __future__ import annotations

import math
from random import Random
from statistics import fmean

from exercises.model import Build, Case, Exercise, Kind, Params, Wrong
from reference.rag.evaluation.metrics import per_question

Rankings = dict[str, list[str]]


def draw(random: Random) -> dict[str, object]:
    return {"k": random.choice([3, 5, 8, 10]), "questions": random.choice([60, 90, 120, 200])}


def prompt(p: Params) -> str:
    return f"""You compare two retrievers on {p["questions"]} questions with known answers. Write `measure`, which gives
the mean over the questions of two metrics of the first k = {p["k"]} places:

- `recall`: of the chunks that answer the question, the share that is among the first k.
- `ndcg`: each answering chunk at place i (from 1) among the first k gains 1 / log2(1 + i). Divide the sum by the best
  sum that any ranking of k places could reach for this question.

A retriever may return fewer than k chunks, or have nothing for a question at all."""


STUB = '''def measure(rankings: dict[str, list[str]], relevant: dict[str, list[str]], k: int) -> dict[str, float]:
    """{"recall": mean over all questions, "ndcg": mean over all questions}, each from 0 to 1.

    relevant: question -> ids of the chunks that answer it, at least one, none twice. These are all the questions.
    rankings: question -> ids that were found, best first, none twice; any number of them, also none. A question that
        is missing here counts as one for which nothing was found.
    k: at least 1.
    """
    raise NotImplementedError
'''


def reference(rankings: Rankings, relevant: Rankings, k: int) -> dict[str, float]:
    answers = {question: set(ids) for question, ids in relevant.items()}
    found = per_question(rankings, answers, (f"R@{k}", f"nDCG@{k}"))
    return {"recall": fmean(found[f"R@{k}"].values()), "ndcg": fmean(found[f"nDCG@{k}"].values())}


def _measure(
    rankings: Rankings,
    relevant: Rankings,
    k: int,
    *,
    per_k: bool = False,
    found_only: bool = False,
    skip: bool = False,
    shift: int = 1,
    cut: bool = True,
) -> dict[str, float]:
    """The same by hand, with one thing wrong."""
    recalls, gains = [], []
    for question, ids in relevant.items():
        if skip and not rankings.get(question):
            continue
        ranked = rankings.get(question, [])[: k if cut else None]
        hits = [place for place, name in enumerate(ranked, 1) if name in ids]
        recalls.append(len(hits) / (k if per_k else len(ids)))
        best = len(hits) if found_only else min(k, len(ids))
        ideal = sum(1 / math.log2(shift + place) for place in range(1, best + 1))
        gains.append(sum(1 / math.log2(shift + place) for place in hits) / ideal if ideal else 0.0)
    return {"recall": fmean(recalls or [0.0]), "ndcg": fmean(gains or [0.0])}


def divides_by_k(rankings: Rankings, relevant: Rankings, k: int) -> dict[str, float]:
    return _measure(rankings, relevant, k, per_k=True)


def ideal_from_hits(rankings: Rankings, relevant: Rankings, k: int) -> dict[str, float]:
    return _measure(rankings, relevant, k, found_only=True)


def leaves_out_missing(rankings: Rankings, relevant: Rankings, k: int) -> dict[str, float]:
    return _measure(rankings, relevant, k, skip=True)


def one_place_off(rankings: Rankings, relevant: Rankings, k: int) -> dict[str, float]:
    return _measure(rankings, relevant, k, shift=2)


def looks_beyond_k(rankings: Rankings, relevant: Rankings, k: int) -> dict[str, float]:
    return _measure(rankings, relevant, k, cut=False)


def cases(p: Params, random: Random) -> list[Case]:
    k = p["k"]
    pool = [f"c{number:02d}" for number in range(40)]

    def asked(answers: int, ranked: int, hits: int) -> tuple[list[str], list[str]]:
        """(ranking, answers) with `hits` of the answers at random places of the ranking."""
        names = random.sample(pool, answers + ranked)
        right = names[:answers]
        ranking = names[answers : answers + ranked - hits] + right[:hits]
        random.shuffle(ranking)
        return ranking, right

    def case(group: str, *questions: tuple[list[str], list[str]], missing: int = 0) -> Case:
        relevant = {f"q{number}": right for number, (_, right) in enumerate(questions, 1)}
        rankings = {f"q{number}": ranking for number, (ranking, _) in enumerate(questions, 1)}
        for number in range(missing):
            relevant[f"m{number}"] = random.sample(pool, 2)
        return Case(group, {"rankings": rankings, "relevant": relevant, "k": k})

    one = [case("one question", asked(3, k, random.randint(1, 2))) for _ in range(4)]
    several = [case("several questions", *(asked(random.randint(1, 4), k + 5, 1) for _ in range(5))) for _ in range(3)]
    few = [
        case("fewer than k", asked(2, max(1, k - 2), 1), asked(3, 1, 1), asked(1, k, 1)),
        case("fewer than k", ([], ["c01"]), asked(2, k, 1)),
    ]
    many = [
        case("more answers than k", asked(k + random.randint(2, 6), k + 8, k), asked(k + 1, k, 1)) for _ in range(3)
    ]
    missing = [case("nothing found", asked(3, k, 2), asked(2, k, 1), missing=random.randint(1, 3)) for _ in range(3)]
    return [*one, *several, *few, *many, *missing]


EXERCISE = Exercise(
    id="q2-retrieval-metrics",
    kind=Kind.BUILD,
    title="Recall and nDCG without a library",
    section="4.5",
    difficulty=2,
    minutes=15,
    points=6,
    draw=draw,
    prompt=prompt,
    hints=(
        "Loop over the questions that are known, not over the rankings that came back.",
        "The best ranking of k places has answering chunks in front: as many as there are, or as fit.",
        "At the first place the gain is 1.",
    ),
    build=Build(
        name="measure",
        stub=STUB,
        reference=reference,
        wrong=(
            Wrong("precision_for_recall", divides_by_k),
            Wrong("ideal_of_found", ideal_from_hits),
            Wrong("missing_left_out", leaves_out_missing),
            Wrong("discount_one_off", one_place_off),
            Wrong("beyond_k", looks_beyond_k),
        ),
        cases=cases,
    ),
)
