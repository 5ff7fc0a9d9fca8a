"""No notebook whatever makes reading raise, or hands anybody another's numbers."""

from __future__ import annotations

import copy
import json

import pytest
from handed_out import ADA, JANE, KV, REVIEW, assignment, solved
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbook.grading.reading import read_submission

MADE = assignment()
WHOLE = solved(MADE)
THEIRS = solved(MADE, ADA)
NUMBERS = st.integers(0, len(WHOLE["cells"]) - 1)
JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=20)
    | st.sampled_from(["code", "# exercise: q1-kv-per-token"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["cells", "source", "metadata", "x"]), inner)
    ),
    max_leaves=6,
)
EDITS = st.one_of(
    st.tuples(st.just("delete"), NUMBERS),
    st.tuples(st.just("copy"), NUMBERS, NUMBERS),
    st.tuples(st.just("move"), NUMBERS, NUMBERS),
    st.tuples(st.just("merge"), NUMBERS),
    st.tuples(st.just("split"), NUMBERS, st.integers(0, 400)),
    st.tuples(st.just("retype"), NUMBERS, st.sampled_from(["code", "markdown", "raw", "heading", None, 3])),
    st.tuples(st.just("strip"), NUMBERS, st.sampled_from(["metadata", "id", "source", "cell_type"])),
    st.tuples(st.just("junk"), NUMBERS, st.sampled_from(["metadata", "id", "source", "cell_type", "nbgrader"]), JUNK),
    st.tuples(st.just("type"), NUMBERS, st.text(max_size=40)),
    st.tuples(st.just("theirs"), NUMBERS),
)


def edited(edits):
    nb = copy.deepcopy(WHOLE)
    for what, number, *more in edits:
        cells = nb["cells"]
        if number >= len(cells):
            continue
        one = cells[number]
        if what == "delete":
            del cells[number]
        elif what == "copy":
            cells.insert(more[0], copy.deepcopy(one))
        elif what == "move":
            cells.insert(more[0], cells.pop(number))
        elif what == "merge" and number + 1 < len(cells):
            one["source"] = [*as_list(one), "\n", *as_list(cells.pop(number + 1))]
        elif what == "split":
            text = "".join(map(str, as_list(one)))
            one["source"] = [text[: more[0]]]
            cells.insert(number + 1, {**copy.deepcopy(one), "source": [text[more[0] :]]})
        elif what in ("retype", "strip"):
            one.pop("cell_type" if what == "retype" else more[0], None)
            if what == "retype":
                one["cell_type"] = more[0]
        elif what == "junk":
            one[more[0]] = more[1]
        elif what == "type":
            one["source"] = [*as_list(one), "\n", more[0]]
        elif what == "theirs":
            cells[number] = copy.deepcopy(THEIRS["cells"][number])
    return nb


def as_list(one):
    return one["source"] if isinstance(one.get("source"), list) else []


@pytest.mark.slow
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(edits=st.lists(EDITS, max_size=8))
def test_any_edit_is_read(tmp_path, edits):
    path = tmp_path / "q1.ipynb"
    path.write_text(json.dumps(edited(edits)), encoding="utf-8")
    submission = read_submission(path, MADE, JANE, "q1")
    collected = [one.collect.exercise for one in submission.cells if one.collect]
    assert len(collected) == len(set(collected))
    assert set(collected) <= {KV, REVIEW}
    for one in submission.cells:
        one.source.encode("utf-8")
        for name in (KV, REVIEW):
            if f"answer of {name}" in one.key and "further" not in one.key and one.collect:
                params = MADE.params[JANE.id][name]
                assert {key: one.params[key] for key in params} == params


@pytest.mark.slow
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    told=JUNK
    | st.fixed_dictionaries({"cells": JUNK})
    | st.fixed_dictionaries({"cells": st.lists(JUNK), "metadata": JUNK})
)
def test_any_json_is_read(tmp_path, told):
    path = tmp_path / "q1.ipynb"
    path.write_text(json.dumps(told), encoding="utf-8")
    assert read_submission(path, MADE, JANE, "q1").flags


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200))
def test_any_bytes_are_read(tmp_path, data):
    path = tmp_path / "q1.ipynb"
    path.write_bytes(data)
    assert read_submission(path, MADE, JANE, "q1").flags
