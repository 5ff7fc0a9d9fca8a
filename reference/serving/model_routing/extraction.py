"""Two things that a rule can take out of a message (order number, product), and the base model asked for the same.

The base model is shown six examples and nothing else: no adapter was trained for these tasks.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from reference.serving.model_routing.questions import Question
from reference.serving.rollout.versions.task import PRODUCTS

if TYPE_CHECKING:
    from reference.serving.engine.handle import Engine

TASKS = ORDER, PRODUCT = "order number", "product"
NONE = "none"
ASKED = 320  # questions of each task that the base model gets
_EXAMPLES = {
    ORDER: (
        ("where is order 418", "418"), ("the lamp shows error 12", NONE), ("parcel number 77 never came", "77"),
        ("why did you charge 30 euros (my e-mail: anna44@mail.example)", NONE), ("cancel order number 9 please", "9"),
        ("I cannot log in", NONE),
    ),
    PRODUCT: (
        ("where is my parcel with the lamp", "lamp"), ("I cannot log in", NONE),
        ("the kettle shows error 12", "kettle"),
        ("cancel my subscription", NONE), ("best jacket I ever had", "jacket"), ("the website does not load", NONE),
    ),
}  # fmt: skip
_ORDER_RULE = re.compile(r"\b(?:order|parcel)\s+(?:number\s+)?(\d+)\b", re.IGNORECASE)


def truth(task: str, question: Question) -> str:
    """What is right, NONE where the message has none."""
    return (question.order if task == ORDER else question.product) or NONE


def rule(task: str, text: str) -> str:
    """The same by a rule: a pattern for order numbers, the list of what is sold (misspelt too) for products."""
    if task == ORDER:
        found = _ORDER_RULE.search(text)
        return found[1] if found else NONE
    sold = PRODUCTS[1]
    for word in re.findall(r"[a-z]+", text.lower()):
        if close := get_close_matches(word, sold, n=1, cutoff=0.75):
            return close[0]
    return NONE


def chosen(task: str, asked: Sequence[Question], n: int = ASKED) -> list[int]:
    """Indices of the questions of a task: with and without something to find in equal parts, spread over all of them.

    Misspelt digits are another number, so the misspelt group has no order numbers to find.
    """
    usable = [k for k, one in enumerate(asked) if task != ORDER or one.group != "typo"]
    sides = [[k for k in usable if (truth(task, asked[k]) != NONE) is side] for side in (True, False)]
    half = min(n // 2, *map(len, sides))
    return sorted(side[i * len(side) // half] for side in sides for i in range(half))


def prompt(task: str, text: str) -> str:
    """Six examples, then the message; the answer is one word and a line end."""
    shots = "".join(f"Message: {message}\n{task.capitalize()}: {said}\n\n" for message, said in _EXAMPLES[task])
    return f"{shots}Message: {text}\n{task.capitalize()}:"


def ask_base(engine: Engine, asked: Sequence[Question], say: Any) -> tuple[list[dict[str, str]], dict[str, float]]:
    """(per question: task -> answer, for those that were asked; seconds per question of each task)."""
    from reference.serving.rollout.versions.predict import in_a_loop

    answers: list[dict[str, str]] = [{} for _ in asked]
    seconds = {}
    for task in TASKS:
        rows = chosen(task, asked)

        async def run(task: str = task, rows: list[int] = rows) -> list[str]:
            client = engine.async_client(timeout=60.0)
            free = asyncio.Semaphore(16)

            async def one(text: str) -> str:
                async with free:
                    said = await client.completions.create(
                        model=engine.model, prompt=prompt(task, text), max_tokens=8, temperature=0.0, stop=["\n"]
                    )
                return said.choices[0].text.strip()

            try:
                await one(asked[rows[0]].text)
                return list(await asyncio.gather(*(one(asked[k].text) for k in rows)))
            finally:
                await client.close()

        begun = time.perf_counter()
        found = in_a_loop(run)
        seconds[task] = (time.perf_counter() - begun) / len(rows)
        for k, answer in zip(rows, found, strict=True):
            answers[k][task] = answer
        right = sum(answers[k][task] == truth(task, asked[k]) for k in rows)
        say(f"base model, {task}: {right} of {len(rows)} right, {seconds[task]:.4f} s a question")
    return answers, seconds
