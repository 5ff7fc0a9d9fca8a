"""The registry on MLflow and SQLite, and the same rules in memory."""

import dataclasses
import shutil

import pytest

from reference.serving.rollout.registry import MemoryRegistry, MlflowRegistry, RegistryDownError
from reference.serving.rollout.registry.mlflow_registry import tracking_uri
from reference.serving.rollout.types import RolloutError
from reference.serving.rollout.versions.shipped import shipped

NAMES = ("v0.9", "v1.0", "v1.1", "v1.2-worse", "v1.2-unsafe")


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """One database with all versions; making its tables takes seconds."""
    folder = tmp_path_factory.mktemp("mlflow")
    registry = MlflowRegistry(folder=folder)
    for name in NAMES:
        registry.register(shipped(name))
    return folder


@pytest.fixture(params=["mlflow", "memory"])
def registry(request, filled, tmp_path):
    held = set()
    if request.param == "mlflow":
        shutil.copy(filled / "mlflow.db", tmp_path / "mlflow.db")
        made = MlflowRegistry(folder=tmp_path, in_use=held.__contains__)
    else:
        made = MemoryRegistry(in_use=held.__contains__)
        for name in NAMES:
            made.register(shipped(name))
    made.held = held
    return made


def test_versions_come_back_newest_first_with_metrics_and_lineage(registry):
    found = registry.versions("intent-router")
    assert [one.version for one in found] == list(reversed(NAMES))
    one = registry.get("intent-router", "v1.1")
    assert one.digest == shipped("v1.1").digest
    assert one.served_as == "intent-router-v1.1"
    assert one.metrics["loss_last"] == pytest.approx(shipped("v1.1").metrics["loss_last"])
    assert one.lineage["data_sha256"]
    assert one.parameters["steps"] == "150"


def test_registering_again_changes_nothing_and_other_weights_need_a_new_number(registry):
    registry.register(shipped("v1.1"))
    assert len(registry.versions("intent-router")) == len(NAMES)
    other = dataclasses.replace(shipped("v1.0"), version="v1.1")
    with pytest.raises(RolloutError, match="other weights"):
        registry.register(other)


def test_weights_that_changed_since_are_refused(registry, tmp_path):
    folder = tmp_path / "mine"
    shutil.copytree(shipped("v1.0").path, folder)
    registry.register(dataclasses.replace(shipped("v1.0"), version="v7", path=str(folder)))
    with (folder / "adapter_model.safetensors").open("ab") as file:
        file.write(b"x")
    with pytest.raises(RolloutError, match="changed or is corrupt"):
        registry.get("intent-router", "v7")


def test_aliases_move_and_unknown_ones_are_refused(registry):
    assert registry.alias("intent-router", "production") is None
    registry.set_alias("intent-router", "production", "v1.0")
    registry.set_alias("intent-router", "production", "v1.1")
    assert registry.alias("intent-router", "production") == "v1.1"
    with pytest.raises(RolloutError, match="not one of"):
        registry.set_alias("intent-router", "champion", "v1.0")
    with pytest.raises(RolloutError, match="not registered"):
        registry.set_alias("intent-router", "production", "v9")


def test_the_last_three_beside_production_stay_deployable(registry):
    registry.set_alias("intent-router", "production", "v0.9")
    kept = {one.version for one in registry.deployable("intent-router")}
    assert kept == {"v0.9", "v1.1", "v1.2-worse", "v1.2-unsafe"}
    with pytest.raises(RolloutError, match="last 3"):
        registry.delete("intent-router", "v1.2-worse")
    with pytest.raises(RolloutError, match="alias production"):
        registry.delete("intent-router", "v0.9")
    registry.held.add("v1.0")
    with pytest.raises(RolloutError, match="running rollout"):
        registry.delete("intent-router", "v1.0")
    registry.held.clear()
    registry.delete("intent-router", "v1.0")
    with pytest.raises(RolloutError, match="not registered"):
        registry.get("intent-router", "v1.0")


def test_an_unknown_model_has_no_versions_and_a_strange_name_is_refused(registry):
    assert registry.versions("nobody") == ()
    assert registry.alias("nobody", "production") is None
    with pytest.raises(RolloutError, match="not registered"):
        registry.get("nobody", "v1")


def test_what_is_written_is_there_after_a_restart(filled, tmp_path):
    shutil.copy(filled / "mlflow.db", tmp_path / "mlflow.db")
    MlflowRegistry(folder=tmp_path).set_alias("intent-router", "canary", "v1.1")
    assert MlflowRegistry(folder=tmp_path).alias("intent-router", "canary") == "v1.1"


def test_a_server_that_is_gone_is_down_within_seconds_and_not_an_unknown_model():
    registry = MlflowRegistry("http://127.0.0.1:9")
    with pytest.raises(RegistryDownError, match="does not answer"):
        registry.versions("intent-router")
    with pytest.raises(RegistryDownError):
        registry.alias("intent-router", "production")


def test_memory_registry_can_play_an_outage():
    registry = MemoryRegistry()
    registry.down = True
    with pytest.raises(RegistryDownError):
        registry.alias("intent-router", "production")


def test_tracking_uri_wants_a_uri(monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "here")
    with pytest.raises(RolloutError, match="MLFLOW_TRACKING_URI"):
        tracking_uri()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert tracking_uri() == "http://127.0.0.1:5000"
    assert tracking_uri(tmp_path).startswith("sqlite:////")
