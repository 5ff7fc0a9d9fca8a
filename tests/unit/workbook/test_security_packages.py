"""Advisories and licences: what was looked at, with its age; what was not is never passed."""

from __future__ import annotations

import datetime as dt
import json
import sys

import pytest

from workbook.doctor import security_packages as packages


class Distribution:
    def __init__(self, version: str) -> None:
        self.version = version


@pytest.fixture
def installed(monkeypatch):
    def pretend(**versions: str) -> None:
        found = {name.replace("_", "-"): Distribution(version) for name, version in versions.items()}
        monkeypatch.setattr(packages, "installed", lambda: found)

    return pretend


@pytest.fixture
def advisory_file(tmp_path):
    def write(source: str = "OSV export all.zip", newest: str = "2026-11-20"):
        record = {
            "id": "PYSEC-1", "package": "leaky", "aliases": [], "summary": "it leaks", "published": newest,
            "ranges": [{"introduced": "0", "fixed": "2.0"}],
        }  # fmt: skip
        path = tmp_path / "advisories.json"
        told = {"source": source, "retrieved": newest, "newest_record": newest, "advisories": [record]}
        path.write_text(json.dumps(told))
        return path

    return write


TODAY = dt.date(2026, 11, 29)


def test_a_version_with_a_known_fault_fails_by_name_and_number(installed, advisory_file):
    installed(leaky="1.5", rich="1")
    [found] = packages.advisories(advisory_file(), TODAY)
    assert (found.status, "leaky 1.5: PYSEC-1" in found.found) == ("fail", True)
    assert "9 days old" in found.found


def test_a_whole_and_fresh_export_without_a_hit_passes(installed, advisory_file):
    installed(leaky="2.0", rich="1")
    assert [one.status for one in packages.advisories(advisory_file(), TODAY)] == ["ok"]


def test_the_shipped_excerpt_never_passes_what_it_does_not_know(installed, monkeypatch):
    monkeypatch.delenv(packages.ADVISORIES, raising=False)
    installed(rich="1")
    [found] = packages.advisories(today=TODAY)
    assert found.status == "not checked"
    assert "1 of 1 installed packages" in found.found
    assert "pip-audit" in found.mend
    assert "OSV" in found.mend


def test_old_advisories_do_not_pass(installed, advisory_file):
    installed(leaky="2.0")
    [found] = packages.advisories(advisory_file(newest="2026-01-01"), TODAY)
    assert (found.status, "332 days" in found.found) == ("not checked", True)


@pytest.fixture
def pip_audit(tmp_path):
    """A pip-audit that prints what it is given."""

    def make(output: object) -> list[str]:
        script = tmp_path / "audit.py"
        script.write_text(f"print({(output if isinstance(output, str) else json.dumps(output))!r})")
        return [sys.executable, str(script)]

    return make


def test_packages_that_pip_audit_skipped_are_not_passed(pip_audit):
    """It ends with code 0 and "No known vulnerabilities found" where it could ask about none."""
    skipped = {"name": "jinja2", "skip_reason": "Dependency not found on PyPI and could not be audited"}
    told = {"dependencies": [skipped, {"name": "rich", "version": "1", "vulns": []}]}
    [found] = packages.audit(pip_audit(told))
    assert (found.status, "1 of 2 packages" in found.found) == ("not checked", True)


def test_what_pip_audit_found_fails(pip_audit):
    told = {"dependencies": [{"name": "leaky", "version": "1", "vulns": [{"id": "PYSEC-1"}]}]}
    [found] = packages.audit(pip_audit(told))
    assert (found.status, found.found) == ("fail", "leaky 1: PYSEC-1")
    told["dependencies"][0]["vulns"] = []
    assert packages.audit(pip_audit(told))[0].status == "ok"


@pytest.mark.parametrize("output", ["", "no network", {"dependencies": []}, {"other": 1}])
def test_a_pip_audit_without_a_result_is_not_checked(pip_audit, output):
    assert packages.audit(pip_audit(output))[0].status == "not checked"


def test_a_missing_pip_audit_is_named_with_its_command(monkeypatch):
    monkeypatch.setattr(packages.importlib.util, "find_spec", lambda name: None)
    [found] = packages.audit()
    assert (found.status, "pip install pip-audit" in found.mend) == ("not checked", True)


@pytest.mark.slow
def test_the_default_install_holds_no_gpl():
    bad = [one for one in packages.licences() if one.status == "fail"]
    assert bad == []


@pytest.mark.parametrize(
    "said", ["GPL-3.0-or-later", "GNU General Public License v3 (GPLv3)", "AGPL-3.0", "GNU Affero GPL", "SSPL-1.0",
             "LGPL-2.1 AND GPL-2.0", "CC-BY-NC-4.0 NonCommercial"],
)  # fmt: skip
def test_a_licence_that_binds_others_fails_in_the_default_install_only(said):
    [found] = packages.licences({"a": said, "b": "MIT"}, {"a", "b"})
    assert (found.status, f"a ({said})" in found.found) == ("fail", True)
    assert [one.status for one in packages.licences({"a": said, "b": "MIT"}, {"b"})] == ["warn"]


@pytest.mark.parametrize("said", ["LGPL-2.1-only", "GNU Lesser General Public License v2 (LGPLv2)", "MIT", "MPL-2.0"])
def test_libraries_may_be_lgpl(said):
    [found] = packages.licences({"a": said}, {"a"})
    assert found.status == "ok"


@pytest.mark.parametrize("said", ["", "Other/Proprietary License"])
def test_an_unknown_licence_is_listed(said):
    [found] = packages.licences({"a": said}, {"a"})
    assert (found.status, "a (" in found.found) == ("warn", True)


def test_a_package_without_metadata_is_known_by_its_text():
    mit = "Permission is hereby granted, free of charge, to any person obtaining a copy"
    assert packages.recognised(["", f"(c) me\n{mit}"]) == "MIT"
    assert packages.recognised(["GNU AFFERO GENERAL PUBLIC LICENSE"]) == "AGPL"
    assert packages.recognised(["all rights reserved"]) == ""
