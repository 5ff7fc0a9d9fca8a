"""Precision and recall of each guard on the labelled sets, and the choice of thresholds.

    python -m reference.serving.guardrails.evaluate [--split held-out|tuning|all] [--json] [--errors]
    python -m reference.serving.guardrails.evaluate --tune

Injection and leak are judged per text. Personal data and secrets are judged per span: one counts as found where a
finding of the right kind covers it and at most four characters more. ``--errors`` shows the mistakes of the tuning half
only: a held-out half that one looks into is none.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.resources import files
from pathlib import Path
from statistics import median_low

from reference.serving.guardrails.datasets import KINDS, DatasetKind, Example, Span, Split, load
from reference.serving.guardrails.guard import Guardrails, GuardRules, tuned_rules
from reference.serving.guardrails.leak import LeakRules
from reference.sizing.intervals import wilson

Predictor = Callable[[Example], Sequence[Span]]
"""Gives the spans that a guard reports; for injection and leak any one span stands for "yes"."""

PROVENANCE = "labelled by the authors of the guards; families split by hash; intervals assume independent examples"
_SLACK = 4


@dataclass(frozen=True, slots=True)
class Scores:
    """Counts and rates; intervals are Wilson's at 95 %. ``tn`` is 0 for spans, where it has no meaning."""

    kind: str
    split: str
    n: int
    families: int
    tp: int
    fp: int
    fn: int
    tn: int
    precision: float
    recall: float
    f1: float
    precision_interval: tuple[float, float]
    recall_interval: tuple[float, float]


def evaluate(kind: DatasetKind, split: Split = "held-out", predictor: Predictor | None = None) -> Scores:
    """Scores of ``predictor`` (the default guards) on a set. Raises ``ValueError`` for an unknown kind or split."""
    examples = load(kind, split)
    predict = predictor or guard_predictor(kind, Guardrails.default())
    tp = fp = fn = tn = 0
    for example in examples:
        found = predict(example)
        if kind in ("injection", "leak"):
            hit = bool(found)
            tp += hit and example.positive
            fp += hit and not example.positive
            fn += not hit and example.positive
            tn += not hit and not example.positive
        else:
            matched, extra, missed = _compare(example.spans, found)
            tp, fp, fn = tp + matched, fp + extra, fn + missed
    precision = tp / (tp + fp) if tp + fp else 0.0
    recall = tp / (tp + fn) if tp + fn else 0.0
    return Scores(
        kind=kind,
        split=split,
        n=len(examples),
        families=len({e.family for e in examples}),
        tp=tp,
        fp=fp,
        fn=fn,
        tn=tn,
        precision=precision,
        recall=recall,
        f1=2 * tp / (2 * tp + fp + fn) if tp + fp + fn else 0.0,
        precision_interval=wilson(tp, tp + fp),
        recall_interval=wilson(tp, tp + fn),
    )


def guard_predictor(kind: DatasetKind, guard: Guardrails) -> Predictor:
    """The findings of ``guard`` for one kind of set."""

    def injection(example: Example) -> Sequence[Span]:
        return [Span("injection", 0, len(example.text))] if guard.check_input(example.text).blocked else []

    def leak(example: Example) -> Sequence[Span]:
        return [Span("leak", 0, len(example.text))] if guard.check_output(example.text, example.prompt).blocked else []

    def personal(example: Example) -> Sequence[Span]:
        findings = guard.check_output(example.text).findings
        return [Span(f.rule, f.start, f.end) for f in findings if f.kind == "pii"]

    def secrets(example: Example) -> Sequence[Span]:
        findings = guard.check_output(example.text).findings
        return [Span("secret", f.start, f.end) for f in findings if f.kind == "secret"]

    return {"injection": injection, "leak": leak, "pii": personal, "secrets": secrets}[kind]


def _compare(wanted: Sequence[Span], found: Sequence[Span]) -> tuple[int, int, int]:
    """(found of the wanted, found beside them, wanted but not found)."""
    left = list(found)
    matched = 0
    for span in wanted:
        for candidate in left:
            covers = candidate.start <= span.start and span.end <= candidate.end
            fits = candidate.end - candidate.start <= span.end - span.start + _SLACK
            if candidate.rule == span.rule and covers and fits:
                left.remove(candidate)
                matched += 1
                break
    return matched, len(left), len(wanted) - matched


def tune() -> dict[str, float]:
    """Thresholds with the best F0.5 on the tuning half; the middle one where several are equally good.

    Precision counts more than recall because most traffic is honest: a guard that stops it will be switched off.
    """
    base = tuned_rules()

    def best(kind: DatasetKind, candidates: list[GuardRules]) -> list[GuardRules]:
        scores = [_f_half(evaluate(kind, "tuning", guard_predictor(kind, Guardrails(c)))) for c in candidates]
        return [c for c, score in zip(candidates, scores, strict=True) if score == max(scores)]

    injection = best("injection", [replace(base, injection=t / 20) for t in range(8, 20)])
    leak = best(
        "leak",
        [
            replace(base, leak=LeakRules(alarm=alarm, miss=miss / 20))
            for miss in (4, 6, 8, 10, 12, 16)
            for alarm in (3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 7.0, 8.0)
        ],
    )
    secrets = best("secrets", [replace(base, redaction=replace(base.redaction, entropy=e / 10)) for e in range(36, 50)])
    alarm = median_low(c.leak.alarm for c in leak)
    return {
        "injection": median_low(c.injection for c in injection),
        "leak_alarm": alarm,
        "leak_miss": median_low(c.leak.miss for c in leak if c.leak.alarm == alarm),
        "entropy": median_low(c.redaction.entropy for c in secrets),
    }


def _f_half(scores: Scores) -> float:
    weighted = 0.25 * (scores.tp + scores.fn) + scores.tp + scores.fp
    return 1.25 * scores.tp / weighted if weighted else 0.0


def _errors(kind: DatasetKind) -> list[str]:
    predict = guard_predictor(kind, Guardrails.default())
    lines = []
    for example in load(kind, "tuning"):
        found = predict(example)
        if kind in ("injection", "leak"):
            if bool(found) != example.positive:
                lines.append(f"{'missed' if example.positive else 'false alarm'} [{example.family}] {example.text!r}")
            continue
        _, extra, missed = _compare(example.spans, found)
        if extra or missed:
            cut = [(s.rule, example.text[s.start : s.end]) for s in found]
            lines.append(f"missed {missed}, too many {extra} [{example.family}] {example.text!r} found {cut}")
    return lines


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line of this module."""
    parser = argparse.ArgumentParser(description="Precision and recall of the guards on their labelled sets.")
    parser.add_argument("--split", choices=("held-out", "tuning", "all"), default="held-out")
    parser.add_argument("--json", action="store_true", help="machine-readable output")
    parser.add_argument("--tune", action="store_true", help="choose thresholds on the tuning half and write them")
    parser.add_argument("--errors", action="store_true", help="show the mistakes on the tuning half")
    options = parser.parse_args(arguments)
    if options.tune:
        chosen = tune()
        path = Path(str(files(__package__).joinpath("data/thresholds.json")))
        path.write_text(json.dumps(chosen, indent=2) + "\n", encoding="utf-8")
        tuned_rules.cache_clear()
        print(json.dumps(chosen))
        return
    if options.errors:
        for kind in KINDS:
            print(f"{kind}:", *_errors(kind), sep="\n  ")
        return
    scores = [evaluate(kind, options.split) for kind in KINDS]
    if options.json:
        print(json.dumps({"provenance": PROVENANCE, "scores": [asdict(s) for s in scores]}, indent=2))
        return
    print(f"split {options.split}: {PROVENANCE}")
    for s in scores:
        print(
            f"{s.kind:10} n {s.n:4}  families {s.families:3}  tp {s.tp:3} fp {s.fp:3} fn {s.fn:3}"
            f"  precision {s.precision:.2f} [{s.precision_interval[0]:.2f}, {s.precision_interval[1]:.2f}]"
            f"  recall {s.recall:.2f} [{s.recall_interval[0]:.2f}, {s.recall_interval[1]:.2f}]  F1 {s.f1:.2f}"
        )


if __name__ == "__main__":
    main()
