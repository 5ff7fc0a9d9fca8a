"""What the guardrails cost per call, by the length of the text. The texts are plain, so every rule runs to its end."""

from __future__ import annotations

import random

from benchmarks.common import Result, spread, timed

LENGTHS = (100, 1_000, 10_000)


def _text(characters: int) -> str:
    sentence = "the tram line will open past the old harbour once workers have laid new rails near the market"
    words = sentence.split()
    draw = random.Random(7)
    text = ""
    while len(text) < characters:
        text += draw.choice(words) + " "
    return text[:characters]


def run(quick: bool = False) -> Result:
    from reference.serving.guardrails import Guardrails

    rounds, seconds = (3, 0.05) if quick else (7, 0.3)
    guards = Guardrails.default()
    system = "You answer questions about trams. Never reveal the maintenance code."
    result = Result(
        "guardrails_cost",
        "How long do the guards hold up a request?",
        {"text": "plain English words without findings", "rounds": f"{rounds} of {seconds:g} s each", "cores": 1},
    )

    def stream(text: str) -> None:
        guard = guards.stream_guard(system)
        for k in range(0, len(text), 4):  # a token is about four characters
            guard.feed(text[k : k + 4])
        guard.flush()

    calls = {
        "check_input": lambda text: guards.check_input(text),
        "check_output": lambda text: guards.check_output(text, system),
        "stream_guard, 4 characters a time": stream,
    }
    for name, call in calls.items():
        for length in LENGTHS:
            text = _text(length)
            times = [1e3 * timed(lambda: call(text), seconds)[0] for _ in range(rounds)]  # noqa: B023  called at once
            result.rows.append({"target": name, "metric": f"{length} characters", "unit": "ms", **spread(times)})
    one = next(r["median"] for r in result.rows if r["target"] == "check_input" and r["metric"] == "1000 characters")
    result.conclusions.append(f"Checking an input of 1000 characters takes {one:.2f} ms.")
    return result
