"""A record that cannot be is refused with the name of the field; the schema is the same contract for other tools."""

import json

import jsonschema
import pytest
from engine_records import closed, engine, record

from reference.sizing.engine_model.record import BadRecord, CalibrationRecord, calibration_schema, records


@pytest.fixture(scope="module")
def good():
    return json.loads(record(engine(), loads=[closed(2)]).model_dump_json(exclude_none=True))


def saved(folder, content):
    file = folder / "made-up.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return file


@pytest.mark.slow
def test_a_record_comes_back_as_it_was_saved(tmp_path):
    made = record(engine(), loads=[closed(2)])
    path = made.save(tmp_path)
    assert path.name == "made-up.json"
    assert path.stat().st_mode & 0o777 == 0o644
    assert CalibrationRecord.load(path) == made
    assert records(tmp_path) == {"made-up": made}
    assert made.evidence.n == 8 + 16 * 9  # requests of the point, samples of ten steps and six prompts


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (("limits", "max_num_seqs"), None, "limits.max_num_seqs: Field required"),
        (("limits", "kv_tokens"), 0, "limits.kv_tokens: Input should be greater than 0"),
        (("machine",), "", "machine: String should have at least 1 character"),
        (("versions",), {}, "versions: Dictionary should have at least 1 item"),
        (("key",), "../elsewhere", "key: String should match pattern"),
        (("colour",), "blue", "colour: Extra inputs are not permitted"),
        (("weights",), "made up", "weights: Input should be 'trained' or 'random'"),
        (("steps", 0, "batch"), -1, "steps.0.batch: Input should be greater than 0"),
        (("steps", 0, "ms", "median"), float("nan"), "steps.0.ms.median: Input should be a finite number"),
        (("steps", 0, "ms", "p25"), 1e6, "steps.0.ms: Value error, p25 <= median"),
        (("prefills", 1, "prompt"), 2.5, "prefills.1.prompt: Input should be a valid integer"),
        (("points", 0, "output_tok_s"), -3.0, "points.0.output_tok_s: Input should be greater than 0"),
        (("points", 0, "ttft_p90_ms"), -3.0, "points.0.ttft_p90_ms: Input should be greater than 0"),
        (("points", 0, "rate"), 2.0, "points.0: Value error, exactly one of concurrency"),
        (("points", 0, "concurrency"), None, "points.0: Value error, exactly one of concurrency"),
        (("points", 0, "percentile"), "lower", "points.0.percentile: Input should be 'linear' or 'higher'"),
    ],
)
def test_a_bad_field_is_named(tmp_path, good, place, value, words):
    content = json.loads(json.dumps(good))
    *parents, last = place
    target = content
    for step in parents:
        target = target[step]
    if value is None:
        del target[last]
    else:
        target[last] = value
    with pytest.raises(BadRecord) as caught:
        CalibrationRecord.load(saved(tmp_path, content))
    assert words in str(caught.value)
    assert "made-up.json" in str(caught.value)


@pytest.mark.parametrize("version", [1, 3, None, "2"])
def test_another_schema_version_says_how_to_get_this_one(tmp_path, good, version):
    with pytest.raises(BadRecord, match=r"schema_version is .*, this version reads 2; measure again"):
        CalibrationRecord.load(saved(tmp_path, good | {"schema_version": version}))


@pytest.mark.parametrize(("content", "words"), [("{", "is not JSON"), ("[]", "schema_version is None")])
def test_a_file_that_is_no_record_is_named(tmp_path, content, words):
    with pytest.raises(BadRecord, match=words):
        CalibrationRecord.load(saved(tmp_path, content))
    with pytest.raises(BadRecord, match="cannot be read"):
        CalibrationRecord.load(tmp_path / "missing.json")


def test_the_schema_accepts_every_record_and_refuses_what_the_loader_refuses(good):
    check = jsonschema.Draft202012Validator(calibration_schema())
    check.check_schema(calibration_schema())
    assert not list(check.iter_errors(good))
    for key, found in records().items():
        assert not list(check.iter_errors(json.loads(found.model_dump_json(exclude_none=True)))), key
    assert list(check.iter_errors(good | {"gpus": 0}))
    assert list(check.iter_errors({k: v for k, v in good.items() if k != "limits"}))
    assert list(check.iter_errors(good | {"schema_version": 1}))
