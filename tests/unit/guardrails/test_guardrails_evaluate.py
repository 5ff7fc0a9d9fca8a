import json
import re
from importlib.resources import files

import pytest

from reference.serving.guardrails import secret_rules
from reference.serving.guardrails.datasets import KINDS, Span, load, wrap
from reference.serving.guardrails.evaluate import evaluate, main, tune
from reference.serving.guardrails.guard import tuned_rules

SIZES = {"injection": 120, "pii": 120, "secrets": 80, "leak": 60}


def perfect(example):
    return example.spans or ([Span("yes", 0, 1)] if example.positive else [])


def inverted(example):
    if example.kind in ("injection", "leak"):
        return [] if example.positive else [Span("yes", 0, 1)]
    return [] if example.spans else [Span("email", 0, 1)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_perfect_guard_scores_one(kind):
    scores = evaluate(kind, "all", perfect)
    assert (scores.precision, scores.recall, scores.f1) == (1.0, 1.0, 1.0)
    assert scores.fp == scores.fn == 0
    assert scores.recall_interval[1] == pytest.approx(1.0)
    assert 0.9 < scores.recall_interval[0] < 1.0


@pytest.mark.parametrize("kind", KINDS)
def test_an_inverted_guard_scores_zero(kind):
    scores = evaluate(kind, "all", inverted)
    assert (scores.precision, scores.recall, scores.f1, scores.tp) == (0.0, 0.0, 0.0, 0)
    assert scores.fp > 0
    assert scores.fn > 0


@pytest.mark.parametrize("kind", ["pii", "secrets"])
def test_findings_of_the_wrong_kind_place_or_size_are_mistakes(kind):
    def moved(by_start, by_end, rule=None):
        return lambda e: [Span(rule or s.rule, s.start + by_start, s.end + by_end) for s in e.spans]

    wanted = sum(len(e.spans) for e in load(kind))
    for wrong in (moved(1, 1), moved(0, -1), moved(0, 5), moved(0, 0, "other")):
        scores = evaluate(kind, "all", wrong)
        assert (scores.tp, scores.fp, scores.fn) == (0, wanted, wanted)
    assert evaluate(kind, "all", moved(0, 4)).tp == wanted
    assert evaluate(kind, "all", lambda e: [*e.spans, *e.spans]).fp == wanted


@pytest.mark.parametrize("kind", KINDS)
def test_counts_cover_every_text(kind):
    scores = evaluate(kind, "all", inverted)
    if kind in ("injection", "leak"):
        assert scores.tp + scores.fp + scores.fn + scores.tn == scores.n == len(load(kind))
    assert scores.families == len({e.family for e in load(kind)})


# Least precision and recall on the held-out half; measured in November 2026 at 0.87/0.66, 1.00/0.94, 1.00/0.94 and
# 1.00/0.89. The margin leaves room for one or two texts.
FLOORS = {"injection": (0.82, 0.60), "pii": (0.96, 0.90), "secrets": (0.94, 0.88), "leak": (0.90, 0.80)}


@pytest.mark.parametrize("kind", KINDS)
def test_held_out_scores_do_not_fall(kind):
    scores = evaluate(kind, "held-out")
    precision, recall = FLOORS[kind]
    assert scores.precision >= precision
    assert scores.recall >= recall


@pytest.mark.slow
def test_the_shipped_thresholds_are_the_tuned_ones():
    rules = tuned_rules()
    chosen = tune()
    assert chosen == {
        "injection": rules.injection,
        "leak_alarm": rules.leak.alarm,
        "leak_miss": rules.leak.miss,
        "entropy": rules.redaction.entropy,
    }


@pytest.mark.parametrize("kind", KINDS)
def test_sets_are_large_enough_and_have_hard_negatives(kind):
    examples = load(kind)
    assert len(examples) >= SIZES[kind]
    assert sum(not e.positive for e in examples) >= 0.25 * len(examples)
    assert len({e.text for e in examples}) == len(examples)


@pytest.mark.parametrize("kind", KINDS)
def test_a_family_is_never_on_both_sides_of_the_split(kind):
    tuning, held_out = load(kind, "tuning"), load(kind, "held-out")
    assert len(tuning) + len(held_out) == len(load(kind))
    assert min(len(tuning), len(held_out)) >= 0.3 * len(load(kind))
    assert not {e.family for e in tuning} & {e.family for e in held_out}


@pytest.mark.parametrize("kind", ["pii", "secrets"])
def test_marks_are_taken_out_of_the_texts(kind):
    for example in load(kind):
        assert "{{email:" not in example.text
        assert "{{secret:" not in example.text
        assert all(0 <= s.start < s.end <= len(example.text) for s in example.spans)


def test_no_file_of_the_sets_holds_a_key_of_a_known_form():
    for path in files("reference.serving.guardrails").joinpath("data").iterdir():
        for line in path.read_text(encoding="utf-8").splitlines():
            found = {m.rule for m in secret_rules.scan(line, 0, 8.0)}
            assert not found & {"provider_key", "private_key"}, f"{path.name}: {line[:60]}"
            assert not re.search(r"-----BEGIN [A-Z ]*PRIVATE KEY", line)


def test_generated_keys_are_the_same_in_every_run():
    first = next(e for e in load("secrets") if e.family == "github")
    assert first.text == "git push with " + first.text[first.spans[0].start : first.spans[0].end] + " fails"
    assert first.spans[0].end - first.spans[0].start == 40


@pytest.mark.parametrize(("kind", "split"), [("spam", "all"), ("pii", "test")])
def test_unknown_sets_and_splits_are_refused(kind, split):
    with pytest.raises(ValueError, match="must be"):
        evaluate(kind, split)


def test_unknown_disguises_are_refused():
    with pytest.raises(ValueError, match="wrap must be one of"):
        wrap("x", "morse")


def test_the_command_prints_scores_as_json(capsys):
    main(["--json"])
    report = json.loads(capsys.readouterr().out)
    assert [s["kind"] for s in report["scores"]] == list(KINDS)
    assert {"precision", "recall", "f1", "fp", "fn", "n", "precision_interval"} <= set(report["scores"][0])
    assert "authors" in report["provenance"]


def test_the_command_shows_mistakes_of_the_tuning_half_only(capsys):
    main(["--errors"])
    shown = capsys.readouterr().out
    families = set(re.findall(r"\[([\w-]+)\]", shown))
    assert families & {e.family for k in KINDS for e in load(k, "tuning")}
    held_out = {e.family for k in KINDS for e in load(k, "held-out")}
    tuning = {e.family for k in KINDS for e in load(k, "tuning")}
    assert not families & (held_out - tuning)
