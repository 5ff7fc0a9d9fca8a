import datetime as dt
import json

import pytest

from reference.sizing import Cited, Derived, Figure, Measured, Q, Simulated, derive, shape, weights_bytes
from reference.sizing.evidence import Evidence

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
