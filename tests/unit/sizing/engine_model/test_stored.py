"""Stored fits: the same model as the fit gives, and none for a record that has changed."""

import json

import pytest

from reference.sizing.engine_model import stored
from reference.sizing.engine_model.record import records
from reference.sizing.engine_model.roofs import deployment_of, kv_roof_s, pair_roof_s, roofs

KEYS = sorted(records())


@pytest.mark.parametrize("key", KEYS)
def test_every_record_has_a_stored_fit_of_its_present_content(key):
    record = records()[key]
    kept = stored.load(record)
    assert kept is not None, f"{key} has no fit, run `python -m reference.sizing.engine_model.stored`"
    assert kept.model.evidence == record.evidence
    assert kept.draws


@pytest.mark.parametrize("key", [key for key in KEYS if records()[key].hardware])
def test_no_fit_and_none_of_its_draws_is_faster_than_the_data_sheet(key):
    record = records()[key]
    deployment = deployment_of(record)
    kept = stored.load(record)
    for model in (kept.model, *kept.draws):
        for knot, second in zip(model.step.knots, model.step.seconds, strict=True):
            assert second >= max(roofs(deployment, knot, 1)) * (1 - 1e-9), (knot, second)
        assert model.step.kv_s >= kv_roof_s(deployment) * (1 - 1e-9)
        assert model.step.pair_s >= pair_roof_s(deployment) * (1 - 1e-9)


def test_what_is_stored_comes_back_the_same(tmp_path):
    record = records()[KEYS[0]]
    kept = stored.load(record)
    stored.save(kept, tmp_path)
    assert stored.to_dict(stored.load(record, tmp_path)) == stored.to_dict(kept)
    assert [path.name for path in tmp_path.iterdir()] == [f"{KEYS[0]}.json"]


def test_a_fit_of_another_record_or_another_version_is_not_used(tmp_path):
    record = records()[KEYS[0]]
    path = stored.save(stored.load(record), tmp_path)
    changed = record.model_copy(update={"spread": record.spread + " changed"})
    assert stored.load(record, tmp_path) is not None
    assert stored.load(changed, tmp_path) is None
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"fit_version": -1}))
    assert stored.load(record, tmp_path) is None
    path.write_text("{half")
    assert stored.load(record, tmp_path) is None
