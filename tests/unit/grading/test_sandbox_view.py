"""What is shown of this machine inside: an interpreter with its library and numpy, nothing of the workbook."""

from __future__ import annotations

from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy
import pytest

import workbook
from workbook.grading.sandbox import view as module
from workbook.grading.sandbox.view import PACKAGES, numpy_folders, view


def test_numpy_is_shown_among_the_packages_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    package = Path(numpy.__file__).parent
    assert numpy_folders()[0] == package
    assert (str(package), f"{PACKAGES}/numpy") in view().binds
    for nothing in (None, ModuleSpec("numpy", None)):
        monkeypatch.setattr(module, "find_spec", lambda name, nothing=nothing: nothing)
        assert numpy_folders() == []


def test_the_interpreter_lies_in_what_is_shown_and_the_workbook_and_packages_do_not() -> None:
    shown = view()
    assert any(Path(shown.python).is_relative_to(inside) for _, inside in shown.binds)
    project = Path(workbook.__file__).resolve().parents[1]
    for path in (project, Path(numpy.__file__).parent):
        visible = any(path.is_relative_to(inside) for _, inside in shown.binds)
        assert not visible or any(path.is_relative_to(hidden) for hidden in shown.hidden)
