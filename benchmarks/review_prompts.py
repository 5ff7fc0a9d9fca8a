"""What goes into a prompt of the code reviewer, and what the small model makes of it.

Sizes of real changes in tokens, as the reviewer shows them; triage by the default model of findings whose truth is
known, from the tuning packages; its one-line descriptions.
"""

from __future__ import annotations

import asyncio
import statistics

from benchmarks.common import Result


def run(quick: bool = False) -> Result:
    import numpy as np

    from reference.agents.evaluation import build_cases
    from reference.agents.evaluation.evaluate import run_cases
    from reference.agents.evaluation.releases import load_all
    from reference.agents.experiments.sizes import sizes_of, window_rows
    from reference.agents.experiments.tiers import headlines, labelled, triage_trials
    from reference.agents.llm import OpenAIModel, Triage, calibrate
    from reference.agents.orchestrator import default_reviewer
    from reference.serving.engine import shared_engine

    profile, most = ("ci", 6) if quick else ("full", 80)
    releases, _ = load_all(profile)
    sizes = sizes_of(releases)
    result = Result(
        "review_prompts",
        "How many tokens is a change, and can the small model triage findings?",
        {
            "changes": f"{len(sizes)} pairs of releases",
            "tokenizer": "SmolLM2",
            "profile": profile,
            "split": "tuning for triage",
        },
    )

    def row(target: str, metric: str, value: float, unit: str) -> None:
        result.rows.append(
            {"target": target, "metric": metric, "unit": unit, "median": round(value, 4), "n": len(sizes)}
        )

    tokens = [one.tokens for one in sizes]
    for q in (50, 75, 90):
        row("change", f"p{q}", float(np.percentile(tokens, q)), "tokens")
    row("changed line", "median", statistics.median(one.tokens / max(one.lines, 1) for one in sizes), "tokens")
    for window in window_rows(sizes, (2000, 8000)):
        row(f"{window['tokens']:,} tokens", "changes that fit", window["whole"], "")
        row(f"{window['tokens']:,} tokens", "changed lines that are seen", window["lines"], "")

    cases = [one for one in build_cases(profile, "tuning")[0] if one.kind not in ("logic", "secret", "security")]
    outcomes, _ = run_cases(cases, default_reviewer())
    told = labelled(outcomes, most)
    engine = shared_engine()

    async def ask() -> tuple[list, list]:  # type: ignore[type-arg]
        model = OpenAIModel.of_engine(engine)
        return await triage_trials(model, told), await headlines(model, [case.change() for case in cases[:20]])

    trials, lines = asyncio.run(ask())
    worth = calibrate(trials, engine.model, Triage.version)
    row("triage", "F1 of the tools", worth.f1_alone, "")
    row("triage", "F1 with the small model", worth.f1_with, "")
    row("triage", "right findings hidden", worth.lost, "findings")
    row("lines", "kept", sum(bool(one.text) for one in lines) / len(lines), "")
    result.conclusions = [
        f"Triage by {worth.model} on {worth.cases} findings of {worth.repositories} packages: "
        f"{worth.verdict or 'it beats the tools'} (gain {worth.gain:+.3f} [{worth.low:+.3f}, {worth.high:+.3f}])."
    ]
    return result
