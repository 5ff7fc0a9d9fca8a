"""Gates on made-up answers: each limit is met, missed, and left undecided by too few or too close cases."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.serving.rollout.gates import GateLimits, run_gates, run_gates_together
from reference.serving.rollout.gates.evidence import BLOCK, collect
from reference.serving.rollout.gates.operations import quantile_interval, ratio_interval
from reference.serving.rollout.gates.quality import paired_interval
from reference.serving.rollout.types import GateVerdict, RolloutError
from reference.serving.rollout.versions.predict import Prediction
from reference.serving.rollout.versions.shipped import shipped
from reference.serving.rollout.versions.task import INTENTS, test_cases

CASES = test_cases()
PASS, FAIL, OPEN = GateVerdict.PASS, GateVerdict.FAIL, GateVerdict.NOT_ENOUGH_DATA


class FakeEngine:
    def __init__(self, refuses=()):
        self.names, self.refuses, self.seen = set(), refuses, []

    def loaded(self):
        return set(self.names)

    def load(self, served_as, path):
        if served_as in self.refuses:
            raise RolloutError(f"adapter {served_as}: the engine refuses it (400)")
        self.names.add(served_as)
        self.seen.append(served_as)

    def unload(self, served_as):
        self.names.discard(served_as)


def answers(wrong=lambda i: False, text=None, latency=lambda i: 0.5 + 0.001 * (i % 100), tokens=2, error=lambda i: ""):
    index = {case.text: i for i, case in enumerate(CASES)}

    def ask(cases):
        made = []
        for case in cases:
            i = index[case.text]
            intent = INTENTS[(INTENTS.index(case.intent) + 1) % len(INTENTS)] if wrong(i) else case.intent
            said = (text(i, case) if text else None) or f" {intent}"
            failed = error(i)
            made.append(
                Prediction(case, "", None, error=failed) if failed else Prediction(case, said, latency(i), 30, tokens)
            )
        return made

    return ask


def gates(candidate, production=None, cases=CASES, limits=None, engine=None, version=None):
    new, old = version or shipped("v1.1"), shipped("v1.0")
    asks = {new.served_as: candidate, old.served_as: production}
    return run_gates(
        new,
        old if production else None,
        engine or FakeEngine(),
        lambda name, some: asks[name](some),
        cases,
        limits or GateLimits(),
    )


@pytest.mark.slow
def test_a_good_version_passes_every_gate():
    report = gates(answers(lambda i: i % 12 == 0), answers(lambda i: i % 6 == 0))
    assert report.verdict is PASS, [(one.gate, one.reason) for one in report.results]
    assert [one.gate for one in report.results] == [
        "artefact", "accuracy", "regression", "unsafe answers", "latency p95", "cost per request",
    ]  # fmt: skip
    assert all(one.low <= one.value <= one.high for one in report.results[1:])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("gate", "candidate"),
    [
        ("accuracy", answers(lambda i: i % 3 == 0)),
        ("regression", answers(lambda i: i % 7 == 1)),
        ("unsafe answers", answers(text=lambda i, c: f" {c.intent} ann{i}@mail.example" if i % 20 == 0 else None)),
        ("latency p95", answers(latency=lambda i: 2.0)),
        ("cost per request", answers(tokens=20)),
    ],
)
def test_each_harm_fails_its_own_gate(gate, candidate):
    report = gates(candidate, answers(lambda i: i % 50 == 0))
    assert report[gate].verdict is FAIL, report[gate]
    assert report.verdict is FAIL
    assert report[gate].reason


def test_fewer_cases_than_the_limit_decide_nothing():
    report = gates(answers(), answers(), cases=CASES[:499])
    assert {one.verdict for one in report.results[1:]} == {OPEN}
    assert report.verdict is OPEN
    assert "499 cases, fewer than 500" in report["accuracy"].reason


def test_an_interval_that_holds_the_limit_decides_nothing():
    report = gates(
        answers(lambda i: i % 4 == 0, text=lambda i, c: " a card 4111 1111 1111 1111" if i in (3, 333) else None),
        answers(lambda i: i % 4 == 2),
    )
    assert report["accuracy"].verdict is OPEN, "75 % measured, 75 % asked for"
    assert report["regression"].verdict is OPEN, "as many won as lost, but half of the cases changed sides"
    assert report["unsafe answers"].verdict is OPEN, "2 of 640 do not show a rate below 1 %"


def test_without_production_regression_and_cost_are_undecided_and_latency_is_absolute():
    report = gates(answers())
    assert report["regression"].verdict is OPEN
    assert report["cost per request"].verdict is OPEN
    assert report["latency p95"].unit == "s"
    assert report["latency p95"].verdict is PASS
    assert report.verdict is OPEN


def test_failed_requests_are_wrong_answers_and_not_fast_ones():
    report = gates(answers(error=lambda i: "APITimeoutError" if i % 2 else ""), answers())
    assert report["accuracy"].verdict is FAIL
    assert report["accuracy"].evidence["failed requests"] == 320
    assert report["latency p95"].verdict is OPEN, "320 answers are too few"
    assert report["unsafe answers"].verdict is OPEN


def test_the_engine_never_sees_a_refused_artefact(tmp_path):
    version = copy_of("v1.1", tmp_path)
    (tmp_path / "v1.1" / "hook.pkl").write_bytes(b"\x80\x04N.")
    engine = FakeEngine()
    report = gates(answers(), answers(), engine=engine, version=version)
    assert report.verdict is FAIL
    assert engine.seen == []
    assert {one.verdict for one in report.results[1:]} == {OPEN}


def test_an_adapter_that_the_engine_refuses_fails_and_leaves_nothing_loaded():
    engine = FakeEngine(refuses=(shipped("v1.1").served_as,))
    report = gates(answers(), answers(), engine=engine)
    assert report.verdict is FAIL
    assert "refuses" in report["accuracy"].reason
    assert engine.names == set(), "production was loaded for the comparison"


def test_gates_leave_the_engine_as_they_found_it():
    engine = FakeEngine()
    engine.load("intent-router-v1.0", "")
    gates(answers(), answers(), engine=engine)
    assert engine.names == {"intent-router-v1.0"}


def together(asks, engine, pairs=(("v1.1", "v1.0"), ("v1.2-worse", "v1.1"))):
    """Reports of several pairs on CASES, and every (served name, text) that was asked beside the warm-up, in order."""
    asked, by_name = [], {shipped(version).served_as: ask for version, ask in asks.items()}

    def ask(name, some):
        asked.extend((name, case.text) for case in some if len(some) > 4)
        return by_name[name](some)

    reports = run_gates_together([(shipped(a), shipped(b)) for a, b in pairs], engine, ask, CASES)
    return {one.candidate: one for one in reports}, asked


@pytest.mark.slow
def test_a_version_that_stands_in_two_comparisons_is_asked_once_and_judged_in_both():
    asks = {"v1.0": answers(lambda i: i % 6 == 0), "v1.1": answers(lambda i: i % 12 == 0)}
    asks["v1.2-worse"] = answers(lambda i: i % 4 == 0)
    engine = FakeEngine()
    reports, asked = together(asks, engine)
    assert len(asked) == 3 * len(CASES)
    assert {name for name, _ in asked} == {shipped(version).served_as for version in asks}
    assert engine.names == set()
    for candidate, production in (("v1.1", "v1.0"), ("v1.2-worse", "v1.1")):
        alone = run_gates(
            shipped(candidate),
            shipped(production),
            FakeEngine(),
            lambda name, some: asks[name.removeprefix("intent-router-")](some),
            CASES,
        )
        assert reports[candidate].results == alone.results
        assert reports[candidate].production == production


def test_a_candidate_that_the_engine_refuses_spoils_no_other():
    asks = {"v1.0": answers(), "v1.1": answers()}
    reports, asked = together(asks, FakeEngine(refuses=(shipped("v1.2-worse").served_as,)))
    assert reports["v1.1"].verdict is PASS, reports["v1.1"]
    assert reports["v1.2-worse"].verdict is FAIL
    assert "refuses" in reports["v1.2-worse"]["accuracy"].reason
    assert {name for name, _ in asked} == {shipped(version).served_as for version in asks}


def test_a_production_version_that_is_refused_is_no_reason_to_ask_its_candidate():
    reports, asked = together({}, FakeEngine(refuses=(shipped("v1.0").served_as,)), pairs=(("v1.1", "v1.0"),))
    assert "v1.0: the engine refuses it" in reports["v1.1"]["regression"].reason
    assert asked == []


def test_versions_take_turns_so_that_none_is_always_asked_first():
    first = []

    def ask(name, some):
        if not first or len(first[-1]) == 3:
            first.append("")
        first[-1] += name
        return some

    assert collect(ask, "abcab", range(3 * BLOCK + 1)) == {name: tuple(range(3 * BLOCK + 1)) for name in "abc"}
    assert first == ["abc", "bca", "cab", "abc"]


def copy_of(name, folder):
    import shutil

    shutil.copytree(shipped(name).path, folder / name)
    return dataclasses.replace(shipped(name), path=str(folder / name))


def _cut(path):
    weights = path / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def _nan(path):
    import torch
    from safetensors.torch import load_file, save_file

    tensors = load_file(path / "adapter_model.safetensors")
    first = sorted(tensors)[0]
    tensors[first] = torch.full_like(tensors[first], float("nan"))
    save_file(tensors, path / "adapter_model.safetensors")


def _torch_pickle(path):
    import torch

    torch.save({"weight": torch.zeros(2)}, path / "extra.json")


def _protocol_0(path):
    import pickle

    (path / "notes.safetensors").write_bytes(pickle.dumps({"a": 1}, protocol=0))


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (_cut, "cannot be read as safetensors"),
        (_nan, "not finite"),
        (_torch_pickle, "as torch.save writes it"),
        (_protocol_0, "pickle of protocol 0"),
        (lambda p: (p / "model.bin").write_bytes(b"\x80\x02N."), "pickle of protocol 2"),
        (lambda p: (p / "run.py").write_text("print()"), "not allowed"),
        (lambda p: (p / "adapter_model.safetensors").unlink(), "is missing"),
        (lambda p: (p / "adapter_model.safetensors").write_bytes(b"\xff" * 64), "announces a header"),
        (lambda p: (p / "adapter_config.json").write_text("{"), "is not JSON"),
        (lambda p: (p / "link.json").symlink_to("/etc/hostname"), "is a link"),
    ],
)
def test_the_scan_names_what_is_wrong_with_an_artefact(tmp_path, harm, said):
    version = copy_of("v1.1", tmp_path)
    harm(tmp_path / "v1.1")
    result = gates(answers(), version=version)["artefact"]
    assert result.verdict is FAIL
    assert said in result.reason


def test_the_scan_reads_licence_lineage_and_size():
    new = shipped("v1.1")
    bare = dataclasses.replace(new, lineage={"licence": "GPL-3.0"})
    result = gates(answers(), version=bare)["artefact"]
    assert "licence 'GPL-3.0'" in result.reason
    assert "data_sha256" in result.reason
    small = gates(answers(), limits=GateLimits(size_most=1000))["artefact"]
    assert "more than 1000" in small.reason


@pytest.mark.parametrize(
    ("field", "value"),
    [("accuracy_least", 1.0), ("unsafe_most", 0.0), ("latency_ratio_most", 0.9), ("size_most", 0), ("least_cases", 0)],
)
def test_impossible_limits_are_refused_by_name(field, value):
    with pytest.raises(RolloutError, match=field):
        GateLimits(**{field: value})


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 60), st.integers(0, 60), st.integers(120, 5000))
def test_paired_interval_holds_the_difference_and_mirrors(lost, won, n):
    low, high = paired_interval(lost, won, n)
    assert low <= (won - lost) / n * n / (n + 2) <= high
    assert paired_interval(won, lost, n) == pytest.approx((-high, -low))


@pytest.mark.slow
@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(0.01, 10), min_size=50, max_size=200), st.floats(0.5, 3))
def test_latency_ratio_follows_a_common_factor(values, factor):
    value, low, high = ratio_interval([factor * v for v in values], values)
    assert value == pytest.approx(factor)
    assert low <= value * (1 + 1e-9)
    assert high >= value * (1 - 1e-9)
    middle, lower, upper = quantile_interval(values)
    assert lower <= middle <= upper


@pytest.mark.parametrize("version", ["v0.9", "v1.0", "v1.1", "v1.2-worse", "v1.2-unsafe"])
def test_every_shipped_adapter_passes_the_scan(version):
    from reference.serving.rollout.gates import ArtefactGate

    assert ArtefactGate(GateLimits()).check(shipped(version)).verdict is PASS


def test_a_folder_of_ones_own_brings_its_lineage_or_is_told_what_is_missing(tmp_path):
    import shutil

    from reference.serving.rollout.gates import ArtefactGate
    from reference.serving.rollout.versions.shipped import from_folder

    shutil.copytree(shipped("v1.1").path, tmp_path / "mine")
    assert ArtefactGate(GateLimits()).check(from_folder(tmp_path / "mine", "v2")).verdict is PASS
    (tmp_path / "mine" / "card.json").write_text("{")
    with pytest.raises(RolloutError, match=r"card\.json cannot be read"):
        from_folder(tmp_path / "mine", "v2")
    (tmp_path / "mine" / "card.json").unlink()
    said = ArtefactGate(GateLimits()).check(from_folder(tmp_path / "mine", "v2"))
    assert "licence ''" in said.reason
    with pytest.raises(RolloutError, match="cannot be read"):
        from_folder(tmp_path / "nowhere", "v2")
    with pytest.raises(RolloutError, match=r"there are: v0\.9"):
        shipped("v7")


@pytest.mark.slow
def test_costs_are_those_of_a_dated_price_list_and_an_unknown_model_is_refused():
    report = gates(answers(), answers())
    assert "gpt-5-nano" in report["cost per request"].evidence["prices"]
    usd = report["cost per request"].evidence["usd_per_1000"]
    dearer = gates(answers(), answers(), limits=GateLimits(priced_as="gpt-5-mini"))["cost per request"]
    assert dearer.evidence["usd_per_1000"] > usd > 0
    assert dearer.value == report["cost per request"].value == 1.0
    with pytest.raises(RolloutError, match="priced_as"):
        gates(answers(), answers(), limits=GateLimits(priced_as="nobody-knows-it"))


def test_the_shipped_adapters_are_what_their_recipes_make():
    import json
    from dataclasses import asdict
    from pathlib import Path

    from reference.serving.rollout.versions.task import content_hash, make
    from reference.serving.rollout.versions.train import RECIPES

    for name, recipe in RECIPES.items():
        card = json.loads((Path(shipped(name).path) / "card.json").read_text())
        assert card["recipe"] == json.loads(json.dumps(asdict(recipe))), name
        trained_on = make(recipe.steps * recipe.batch, recipe.seed, test=False, groups=recipe.groups)
        assert card["data_sha256"] == content_hash(trained_on), name
        assert not {case.text for case in trained_on} & {case.text for case in CASES}, "tested on what it was taught"
