"""Each strategy alone and all in sequence, on the same requests: what it saves, what it loses, and may it stay.

Savings do not add up: a token that caching has saved cannot be saved again by a shorter prompt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reference.serving.prompt_economy.verdict import Loss, judged, loss_of

from .parts import Parts
from .pricing import Bill, Pricing, bill
from .replay import STRATEGIES, Outcome, Switches, replay
from .workload import Workload

MAX_LOSS = 0.05  # share of the classified messages
VERDICTS = ("accepted", "not shown", "refused")
MAX_FALSE = 0.01  # share of the answers by likeness that may belong to another question


@dataclass(frozen=True)
class Rung:
    """One replay, priced, beside what it is compared with.

    Attributes:
        kind: `baseline`, `alone` (against the baseline) or `sequence` (against the rung before).
        saving: dollars a month against what it is compared with; negative: it costs more.
        loss: of quality against the baseline, whatever the kind.
        verdict, reason: what the guardrails say (one of VERDICTS), and why with the number.
    """

    name: str
    kind: str
    outcome: Outcome
    bill: Bill
    saving: float
    loss: Loss
    verdict: str
    reason: str


def verdict_on(
    outcome: Outcome, baseline: Outcome, max_loss: float = MAX_LOSS, max_false: float = MAX_FALSE
) -> tuple[str, str]:
    """(one of VERDICTS, why with the number): what the guardrails say.

    Quality: the upper end of the paired interval must lie within `max_loss`; nothing is estimated where every answer is
    the baseline's, word for word. Hits by likeness: the exact upper bound of their false ones must lie within
    `max_false`, so few hits show nothing. Whoever reads `not shown` needs more requests, or evidence from elsewhere.
    """
    from reference.sizing.error_rates import rate_upper_bound

    refused: list[str] = []
    open_: list[str] = []
    found = judged(_loss(outcome, baseline), max_loss)
    if not found.accepted and not _same(outcome, baseline):
        (refused if found.loss.low > max_loss else open_).append(f"quality {found.reason}")
    hits, false = outcome.similar_hits, outcome.false_hits
    bound = rate_upper_bound(false, hits) if hits else 0.0
    if bound > max_false:
        said = f"{false} of {hits} hits by likeness are false, at most {bound:.1%}; allowed are {max_false:.1%}"
        (refused if false / hits > max_false else open_).append(said)
    if outcome.failed:
        refused.append(f"{outcome.failed} requests failed")
    verdict = VERDICTS[2] if refused else VERDICTS[1] if open_ else VERDICTS[0]
    return verdict, "; ".join(refused + open_)


def _same(outcome: Outcome, baseline: Outcome) -> bool:
    """Whether nothing that can be checked was answered differently."""
    mine, theirs = ([a.text for a in some.answers if a.request.feature != "faq"] for some in (outcome, baseline))
    return mine == theirs


def _loss(outcome: Outcome, baseline: Outcome) -> Loss:
    mine, theirs = (" + ".join(some.switches.on) or "baseline" for some in (outcome, baseline))
    return loss_of(mine, theirs, outcome.right(), baseline.right())


def ladder(
    workload: Workload,
    parts: Parts,
    pricing: Pricing,
    order: Sequence[str] = STRATEGIES,
    *,
    max_loss: float = MAX_LOSS,
    max_false: float = MAX_FALSE,
    say: Callable[[str], None] = lambda line: None,
) -> list[Rung]:
    """Baseline, each strategy alone, then one after the other in `order`: 2 x len(order) replays (equal ones once).

    Every switch stays on in the sequence, refused or not: what is refused is marked, and a reader can leave it out of
    `order`. Raises SavingsError for an unknown strategy or a missing part.
    """
    done: dict[Switches, Outcome] = {}

    def run(*names: str) -> Outcome:
        switches = Switches.of(*names)
        if switches not in done:
            done[switches] = replay(workload, switches, parts)
            say(f"{' + '.join(switches.on) or 'baseline'}: {done[switches].wall_s:.1f} s")
        return done[switches]

    def priced(outcome: Outcome) -> Bill:
        return bill(outcome, pricing)

    baseline = run()
    if "prompts" in order:
        run("prompts")  # early: whatever else is on, the engine is asked in one of these two ways
    first = priced(baseline)
    made = [Rung("baseline", "baseline", baseline, first, 0.0, _loss(baseline, baseline), VERDICTS[0], "")]

    def rung(kind: str, name: str, outcome: Outcome, before: float) -> Rung:
        found = priced(outcome)
        said = verdict_on(outcome, baseline, max_loss, max_false)
        return Rung(name, kind, outcome, found, before - found.total, _loss(outcome, baseline), *said)

    made += [rung("alone", name, run(name), first.total) for name in order]
    before = first.total
    for number, name in enumerate(order, 1):
        made.append(rung("sequence", name, run(*order[:number]), before))
        before = made[-1].bill.total
    return made


def rows(rungs: Sequence[Rung]) -> list[dict[str, Any]]:
    """A row per rung for tables, plots and records; dollars a month, shares as fractions."""
    made = []
    for rung in rungs:
        outcome, (low, high) = rung.outcome, rung.outcome.interval
        made.append({
            "strategy": rung.name, "kind": rung.kind, "USD a month": rung.bill.total, "API": rung.bill.api,
            "own machines": rung.bill.hosting, "saving": rung.saving, "quality": outcome.quality, "low": low,
            "high": high, "n": len(outcome.right()), "loss": rung.loss.loss, "loss at most": rung.loss.high,
            "exact hits": outcome.exact_hits, "similar hits": outcome.similar_hits, "false hits": outcome.false_hits,
            "input tokens": sum(row["input_tokens"] for row in outcome.usage),
            "output tokens": sum(row["output_tokens"] for row in outcome.usage),
            "requests to the strong tier": sum(
                row["num_model_requests"] for row in outcome.usage if row["tier"] == "strong"
            ),
            "engine seconds": outcome.engine_s, "wall seconds": outcome.wall_s, "failed": outcome.failed,
            "verdict": rung.verdict, "reason": rung.reason,
        })  # fmt: skip
    return made


_METRICS = {
    "USD a month": "USD", "API": "USD", "own machines": "USD", "saving": "USD", "quality": "share", "loss": "share",
    "loss at most": "share", "exact hits": "requests", "similar hits": "requests", "false hits": "requests",
    "input tokens": "tokens", "output tokens": "tokens", "requests to the strong tier": "requests",
    "engine seconds": "s", "wall seconds": "s", "failed": "requests", "verdict": " | ".join(VERDICTS) + ": 0 | 1 | 2",
}  # fmt: skip
_CLASSIFIED = ("quality", "loss", "loss at most")


def as_records(some: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """`rows` as a benchmark keeps them; quartiles of `quality` are its 95 % interval, `rounds` of it the messages."""
    made = []
    for row in some:
        for metric, unit in _METRICS.items():
            value = VERDICTS.index(row[metric]) if metric == "verdict" else float(f"{row[metric]:.6g}")
            one = {"target": f"{row['kind']}: {row['strategy']}", "metric": metric, "unit": unit, "median": value}
            if metric == "quality":
                one |= {"p25": float(f"{row['low']:.5g}"), "p75": float(f"{row['high']:.5g}")}
            made.append({**one, "rounds": row["n"] if metric in _CLASSIFIED else 1})
    return made


def from_records(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows back from a benchmark's file, without `reason`."""
    found: dict[str, dict[str, Any]] = {}
    for record in records:
        kind, _, strategy = record["target"].partition(": ")
        row = found.setdefault(record["target"], {"strategy": strategy, "kind": kind})
        metric, value = record["metric"], record["median"]
        row[metric] = VERDICTS[int(value)] if metric == "verdict" else value
        if metric == "quality":
            row |= {"low": record["p25"], "high": record["p75"], "n": record["rounds"]}
    return list(found.values())
