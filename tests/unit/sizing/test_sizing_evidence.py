import datetime as dt
import json
from pathlib import Path

import jsonschema
import pytest

from reference.sizing import Cited, Derived, Figure, Measured, Q, Simulated, derive, fit_load, shape, weights_bytes
from reference.sizing.evidence import Evidence
from reference.sizing.records import MeasurementRecord, record_schema

MEASURED = Measured(
    machine="4 cores", versions={"vllm": "0.32"}, command="bench", n=3, spread="5 %", date=dt.date(2026, 11, 23)
)
KINDS: list[Evidence] = [
    Derived("f", {"x": Q(1, "s")}),
    MEASURED,
    Simulated("M/M/c", "Erlang C at 0.8, 1 % off", 1000, 1, "2 %"),
    Cited("a paper", dt.date(2024, 1, 1), "table 2"),
]


@pytest.mark.parametrize("evidence", KINDS, ids=lambda evidence: evidence.badge)
def test_every_kind_has_a_badge_a_summary_and_a_json_form(evidence: Evidence) -> None:
    record = json.loads(json.dumps(evidence.to_dict()))
    assert record["kind"] == evidence.badge
    assert record["summary"] == evidence.summary() != ""
    assert evidence.badge in evidence._repr_html_()
    assert evidence.markdown().startswith(f"**{evidence.badge}**")


def test_the_four_kinds_are_told_apart() -> None:
    assert [evidence.badge for evidence in KINDS] == ["DERIVED", "MEASURED", "SIMULATED", "CITED"]
    assert len({evidence.colour for evidence in KINDS}) == 4


def test_derive_keeps_the_assumptions_and_says_units_were_checked() -> None:
    figure = derive(weights_bytes, shape("llama-3.1-8b"), dtype="fp8")
    assert figure.value == weights_bytes(shape("llama-3.1-8b"), "fp8")
    assert isinstance(figure.evidence, Derived)
    assert figure.evidence.function == "memory.weights_bytes"
    assert figure.evidence.assumptions["dtype"] == "fp8"
    assert figure.evidence.units_checked
    assert not derive(lambda x: x, 1, name="plain").evidence.to_dict()["units_checked"]


def test_figures_feed_into_further_figures() -> None:
    first = Figure(Q(2, "s"), KINDS[3], "two seconds")
    second = derive(lambda x, factor: x * factor, first, factor=3, name="six")
    assert second.value == Q(6, "s")
    assert json.dumps(second.to_dict())
    assert "DERIVED" in second._repr_html_()
    assert "six" in second.markdown()


@pytest.mark.parametrize("change", [{"machine": " "}, {"versions": {}}, {"command": ""}, {"n": 0}, {"spread": ""}])
def test_measurement_without_its_conditions_is_refused(change: dict[str, object]) -> None:
    given = {
        "machine": "m", "versions": {"a": "1"}, "command": "c", "n": 1, "spread": "s", "date": dt.date(2026, 1, 1),
        **change,
    }  # fmt: skip
    with pytest.raises(ValueError, match=next(iter(change))):
        Measured(**given)  # type: ignore[arg-type]


def test_simulation_without_validation_and_citation_without_source_are_refused() -> None:
    with pytest.raises(ValueError, match="validation"):
        Simulated("des", "", 1, 1, "0")
    with pytest.raises(ValueError, match="source"):
        Cited("  ")


def test_html_of_evidence_is_escaped() -> None:
    assert "<script>" not in Cited("<script>alert(1)</script>")._repr_html_()
    assert "<script>" not in Figure("<script>", KINDS[3], "<script>")._repr_html_()


def record() -> MeasurementRecord:
    points = [
        {
            "concurrency": c, "n_in": 16, "n_out": 64, "output_tok_s": 30.0 * c, "tpot_ms": 30.0 + c, "ttft_ms": 50.0,
            "requests": 20, "void": "client at its limit" if c == 64 else None,
        }
        for c in (1, 4, 64)
    ]  # fmt: skip
    return MeasurementRecord.model_validate(
        {
            "machine": "4 cores", "engine": "vllm smollm2", "versions": {"vllm": "0.32"}, "command": "bench",
            "points": points, "n": 2, "spread": "3 %", "date": "2026-11-23",
        }
    )  # fmt: skip


def test_record_survives_a_round_trip_and_fits_its_schema(tmp_path: Path) -> None:
    path = record().save(tmp_path / "runs" / "a.json")
    assert MeasurementRecord.load(path) == record()
    jsonschema.validate(json.loads(path.read_text()), record_schema())
    assert [p.name for p in path.parent.iterdir()] == ["a.json"]


def test_void_points_are_not_used() -> None:
    usable = record().usable()
    assert [point.concurrency for point in usable] == [1, 4]
    assert fit_load(usable).step_per_sequence_ms == pytest.approx(1)
    assert record().evidence.n == 2


@pytest.mark.parametrize(
    ("field", "bad"), [("points", []), ("n", 0), ("machine", ""), ("versions", {}), ("date", "soon"), ("extra", 1)]
)
def test_broken_record_names_file_and_field(tmp_path: Path, field: str, bad: object) -> None:
    path = tmp_path / "broken.json"
    path.write_text(json.dumps({**json.loads(record().model_dump_json()), field: bad}))
    with pytest.raises(ValueError, match=rf"(?s)broken\.json.*{field}"):
        MeasurementRecord.load(path)


def test_failed_save_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        record().save(tmp_path / "a.json")
    assert list(tmp_path.iterdir()) == []
