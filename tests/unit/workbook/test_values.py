from __future__ import annotations

import math

import nbformat.v4 as v4
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbook import values

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def executed(*payloads: dict, tags: list[str] | None = None) -> v4.NotebookNode:
    """A notebook whose code cells display one payload each."""
    cells = [
        v4.new_code_cell("...", outputs=[v4.new_output("display_data", data={values.MEDIA_TYPE: payload})])
        for payload in payloads
    ]
    if tags:
        cells.insert(0, v4.new_code_cell("# injected", metadata={"tags": tags}))
    return v4.new_notebook(cells=cells)


def recorded(monkeypatch: pytest.MonkeyPatch, *args: object, **fields: object) -> dict:
    shown: list[dict] = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    values.record(*args, **fields)
    return shown[0][values.MEDIA_TYPE]


@given(JSON_VALUES)
def test_json_values_are_recorded_as_they_are(value):
    assert values.plain(value) == value


@pytest.mark.parametrize("bad", [math.nan, math.inf, [1, -math.inf], {"p95": math.nan}, np.float64("nan")])
def test_numbers_that_are_not_finite_are_refused_by_name(bad):
    with pytest.raises(ValueError, match=r"ttft.*finite"):
        values.plain(bad, "ttft")


def test_a_value_without_a_json_form_is_refused_by_name():
    with pytest.raises(ValueError, match="model is a object"):
        values.plain(object(), "model")


@pytest.mark.parametrize(("given_value", "kept"), [(np.int64(3), 3), (np.float32(0.5), 0.5), (np.arange(3), [0, 1, 2])])
def test_numpy_values_become_plain_numbers(given_value, kept):
    assert values.plain(given_value) == kept
    assert type(values.plain(given_value)) is type(kept)


def test_a_quantity_brings_its_own_unit(monkeypatch):
    from reference.sizing.units import Q

    payload = recorded(monkeypatch, "weights", Q(140, "gigabyte"))
    assert (payload["value"], payload["unit"]) == (140, "gigabyte")


def test_a_unit_that_contradicts_the_quantity_is_refused(monkeypatch):
    from reference.sizing.units import Q

    with pytest.raises(ValueError, match=r"weights is in gigabyte but recorded as gibibyte"):
        recorded(monkeypatch, "weights", Q(140, "gigabyte"), unit="gibibyte")


def test_evidence_is_kept_with_its_kind(monkeypatch):
    from reference.sizing.evidence import Derived

    payload = recorded(monkeypatch, "kv", 1, evidence=Derived("kv_bytes", {"layers": 32}))
    assert payload["evidence"]["kind"] == "DERIVED"


@pytest.mark.parametrize("name", ["", "  ", None, 3])
def test_a_value_without_a_name_is_refused(monkeypatch, name):
    with pytest.raises(ValueError, match="give the value a name"):
        recorded(monkeypatch, name, 1)


def test_values_are_read_back_with_the_cell_that_recorded_them():
    payload = {"name": "a", "value": 1.5, "unit": "s", "evidence": "MEASURED"}
    [found] = values.read(executed(payload, tags=["injected-parameters"]))
    assert found == values.Value("a", 1.5, "s", "MEASURED", 1)


def test_a_name_recorded_twice_is_an_error_that_names_both_cells():
    payload = {"name": "a", "value": 1, "unit": None, "evidence": None}
    with pytest.raises(ValueError, match="'a' is recorded in code cell 1 and again in 2"):
        values.read(executed(payload, payload))
