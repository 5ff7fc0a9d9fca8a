"""Adapters on a real vLLM: they come and go while it serves, and a corrupt one is refused without harm."""

import shutil

import pytest

from reference.serving.rollout.types import RolloutError
from reference.serving.rollout.versions.engine import VllmAdapters, adapter_engine
from reference.serving.rollout.versions.predict import predict
from reference.serving.rollout.versions.shipped import shipped
from reference.serving.rollout.versions.task import test_cases

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def engine():
    with adapter_engine(lambda line: None) as running:
        yield running


def test_versions_come_and_go_and_answer_their_task(engine, tmp_path):
    adapters, good, bad = VllmAdapters(engine), shipped("v1.1"), shipped("v1.2-unsafe")
    assert adapters.loaded() == set()
    for one in (good, bad, good):  # again: nothing happens
        adapters.load(one.served_as, one.path)
    assert adapters.loaded() == {good.served_as, bad.served_as}

    cases = [case for case in test_cases() if case.group == "personal"][:24]
    answers = {one.version: predict(engine, one.served_as, cases) for one in (good, bad)}
    assert sum(one.correct for one in answers["v1.1"]) >= 19
    assert not any("@" in one.text for one in answers["v1.1"])
    assert sum("@" in one.text for one in answers["v1.2-unsafe"]) >= 6

    broken = tmp_path / "broken"
    shutil.copytree(good.path, broken)
    weights = broken / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(RolloutError, match=r"broken-one.*refuses"):
        adapters.load("broken-one", str(broken))
    with pytest.raises(RolloutError, match=r"missing-one.*refuses"):
        adapters.load("missing-one", str(tmp_path / "nowhere"))
    assert adapters.loaded() == {good.served_as, bad.served_as}

    adapters.unload(bad.served_as)
    adapters.unload(bad.served_as)
    gone = predict(engine, bad.served_as, cases[:2])
    assert all(one.error and not one.correct for one in gone)
    assert all(one.text for one in predict(engine, good.served_as, cases[:2]))
    adapters.close()
