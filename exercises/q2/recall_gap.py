"""Design it: retrieval finds too little; what first, and how would you know that it helped?"""

from __future__ import annotations

from random import Random

from exercises.model import Criterion, Exercise, Kind, Params


def draw(random: Random) -> dict[str, object]:
    return {
        "candidates": random.choice([20, 30, 50]),
        "recall": random.choice([0.84, 0.86, 0.88]),
        "hit": random.choice([0.74, 0.77, 0.80]),
        "wanted": random.choice([0.94, 0.95]),
        "questions": random.choice([200, 300, 400]),
        "budget_ms": random.choice([60, 100, 150]),
    }


def prompt(p: Params) -> str:
    return f"""Your document search puts {p["candidates"]} candidates before a reranker; the model reads the first five.
On {p["questions"]} questions with known answers, the answer is among the candidates for {p["recall"]:.0%} of them and
among the first five for {p["hit"]:.0%}. The product wants {p["wanted"]:.0%} in the first five. Retrieval may take
{p["budget_ms"]} ms more per query. In at most 200 words: what do you look at, what do you change first and why, how do
you know that it helped, and when do you say that the target cannot be had?"""


EXERCISE = Exercise(
    id="q2-recall-gap",
    kind=Kind.DESIGN,
    title="From the candidates to the first five",
    section="4.5",
    difficulty=3,
    minutes=12,
    points=6,
    draw=draw,
    prompt=prompt,
    hints=(
        "Which of the two figures bounds the other, whatever the reranker does?",
        "Read twenty of the questions that fail before you pick a method: where was the answer lost?",
        "How far may a share of so few questions be off by chance, and how do you compare two pipelines on them?",
    ),
    rubric=(
        Criterion(
            "the bound is named", 1.5,
            "Says that no reranker lifts the first five above the share among the candidates, so the gap to the target "
            "begins before it, and splits the loss into the two parts with their sizes.",
            "Says that retrieval or reranking must get better, without saying which of them limits.",
            "the sentence that compares the two shares with the target",
        ),
        Criterion(
            "a first change with a reason", 1.5,
            "Picks one change to what is found (chunks, titles in the text, a lexical side, another embedder, more "
            "candidates) from a look at failed questions, and says what it costs in time or memory.",
            "Names a change, or several, without a cause in the failures or without a cost.",
            "the change and the failure that it mends",
        ),
        Criterion(
            "how one would know", 2,
            "Compares on the same questions, pair by pair, with an interval or a test; keeps settings and judgement on "
            "different questions; knows that so few questions leave an error of some points.",
            "Would measure again, without pairs, interval or a held-out part.",
            "the words on pairs, interval and held-out questions",
        ),
        Criterion(
            "when the answer is no", 1,
            "Gives a result at which they stop (a bound of the interval, the time budget, answers that no document "
            "holds) and what the product gets instead.",
            "Says that the target may be too high, without a result that decides.",
            "the value or event that ends the attempt",
        ),
    ),
)  # fmt: skip
