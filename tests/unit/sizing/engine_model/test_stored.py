"""Stored fits: the same model as the fit gives, and none for a record that has changed."""

import json

import pytest

from reference.sizing.engine_model import stored
from reference.sizing.engine_model.record import records

KEYS = sorted(records())


@pytest.mark.parametrize("key", KEYS)
def test_every_record_has_a_stored_fit_of_its_present_content(key):
    record = records()[key]
    kept = stored.load(record)
    assert kept is not None, f"{key} has no fit, run `python -m reference.sizing.engine_model.stored`"
    assert kept.model.evidence == record.evidence
    assert kept.draws


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
