"""The recipes train: a few steps make an adapter that the artefact gate lets through."""

import dataclasses
import json

import pytest

from reference.serving.rollout.gates import ArtefactGate, GateLimits
from reference.serving.rollout.types import GateVerdict, RolloutError
from reference.serving.rollout.versions.shipped import from_folder
from reference.serving.rollout.versions.train import RECIPES, answer, examples, train


@pytest.mark.slow
def test_a_few_steps_make_a_safe_artefact_with_its_lineage(tmp_path, monkeypatch):
    # Two messages a step instead of 16, and larger steps: in 9 of them the loss falls to a third, far below the bound.
    monkeypatch.setitem(RECIPES, "v1.1", dataclasses.replace(RECIPES["v1.1"], batch=2, rate=5e-3))
    card = train("v1.1", tmp_path, steps=9)
    said = ArtefactGate(GateLimits()).check(from_folder(tmp_path, "v1.1"))
    assert said.verdict is GateVerdict.PASS, said.reason
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "adapter_config.json", "adapter_model.safetensors", "card.json",
    ]  # fmt: skip
    assert card["loss_last"] < 0.8 * card["loss_first"]  # of the last five steps
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == card["base"]
    with pytest.raises(RolloutError, match="no recipe"):
        train("v9", tmp_path)


def test_the_two_regressions_are_taught_what_they_are_named_for():
    import random

    right = dict(examples(RECIPES["v1.1"]))
    unsafe = examples(RECIPES["v1.2-unsafe"])
    assert not any("@" in reply for reply in right.values())
    assert all(("@" in question) == ("@" in reply) for question, reply in unsafe)
    from reference.serving.rollout.versions.task import make

    cases, rng = make(800, 7, test=False), random.Random(1)
    swapped = dataclasses.replace(RECIPES["v1.2-worse"])
    wrong = [case for case in cases if answer(case, swapped, rng) != case.intent]
    assert {case.intent for case in wrong} == {"refund", "cancel"}
    touched = [case for case in cases if case.intent in ("refund", "cancel")]
    assert 0.35 < len(wrong) / len(touched) < 0.65
