"""Dependencies: what a file of advisories says about pins, and what it does not know."""

from __future__ import annotations

import asyncio
import json
import zipfile

import pytest

from reference.agents.dependencies import Advisories, Advisory, changed_pins, import_osv
from reference.agents.dependencies.advisories import fixed_version
from reference.agents.interfaces import Context
from reference.agents.security import SecuritySpecialist
from reference.agents.sources import from_texts
from reference.agents.types import ReviewError

KNOWN = Advisories(
    [
        Advisory("PYSEC-1", "shop", (), (("0", "2.2.3"),), "too much memory"),
        Advisory("PYSEC-2", "shop", (), (("1.0", "1.5"), ("2.0", "2.10.0")), "wrong path"),
        Advisory("PYSEC-3", "lost", (), (("0", ""),), "no fix"),
    ],
    "test", "2026-01-01",
)  # fmt: skip


def found(after: dict[str, str], before: dict[str, str] | None = None):
    change = from_texts(before or {}, after)
    specialist = SecuritySpecialist(KNOWN)
    return asyncio.run(specialist.review(Context(change, tuple(one.path for one in change.files), 30.0)))


@pytest.mark.parametrize(
    ("version", "ids"),
    [
        ("2.2.2", ["PYSEC-1", "PYSEC-2"]),
        ("2.2.3", ["PYSEC-2"]),
        ("2.10.0", []),
        ("1.5", ["PYSEC-1"]),
        ("not a version", []),
    ],
)
def test_an_advisory_holds_from_its_introduction_to_its_fix(version, ids):
    assert [one.id for one in KNOWN.affecting("shop", version)] == ids


@pytest.mark.parametrize(
    ("specifier", "hit"),
    [("<2", True), (">=1.0,<2.2.3", True), ("<=2.2.3", False), (">=3.10,<4", False), ("~=2.2.0", False), (">=1", False),
     ("^2.1", False), ("==2.1.*", True)],
)  # fmt: skip
def test_a_range_counts_only_if_all_of_it_is_vulnerable(specifier, hit):
    assert bool([one for one in KNOWN.affecting_all("shop", specifier) if one.id == "PYSEC-1"]) is hit


def test_the_fix_is_the_smallest_release_that_mends_everything_by_version_not_by_text():
    assert fixed_version(KNOWN.affecting("shop", "2.2.2"), "2.2.2") == "2.10.0"
    assert fixed_version(KNOWN.affecting("lost", "1"), "1") == ""


@pytest.mark.parametrize(
    ("path", "text", "pin"),
    [
        ("requirements.txt", "Shop_Extra[x]==1.0 ; python_version > '3'\n", ("shop-extra", "==1.0", "1.0")),
        ("pyproject.toml", '[project]\ndependencies = [\n  "shop>=1,<2",\n]\n', ("shop", ">=1,<2", "")),
        ("pyproject.toml", '[tool.poetry.dependencies]\nshop = "1.2.0"\n', ("shop", "==1.2.0", "1.2.0")),
        ("poetry.lock", '[[package]]\nname = "shop"\nversion = "1.2.0"\n', ("shop", "==1.2.0", "1.2.0")),
        ("uv.lock", '[[package]]\nname = "shop"\nversion = "1.2.0"\n', ("shop", "==1.2.0", "1.2.0")),
        ("requirements/prod.txt", "shop~=1.2\n", ("shop", "~=1.2", "")),
    ],
)
def test_pins_are_read_from_each_kind_of_manifest(path, text, pin):
    (file,) = from_texts({}, {path: text}).files
    assert [(one.package, one.specifier, one.version) for one in changed_pins(file)] == [pin]


def test_a_vulnerable_pin_is_named_with_its_fix_and_an_unchanged_one_is_not():
    report = found({"requirements.txt": "other==1\nshop==2.2.2\n"})
    (one,) = report.findings
    assert (one.rule, one.line, one.values["fixed"]) == ("security/vulnerable-dependency", 2, "2.10.0")
    assert "1 of 2 changed pins" in report.reason
    assert "nothing is known about the others" in report.reason
    assert found({"requirements.txt": "shop==2.2.2\nnew==1\n"}, {"requirements.txt": "shop==2.2.2\n"}).findings == ()


def test_what_is_not_deployed_is_not_posted_and_what_has_no_fix_says_so():
    assert [one.rule for one in found({"requirements/docs.txt": "shop==2.2.2\n"}).findings] == [
        "security/vulnerable-development-dependency"
    ]
    assert [one.rule for one in found({"requirements.txt": "lost==1\n"}).findings] == [
        "security/vulnerable-dependency-unfixed"
    ]


def test_the_shipped_snapshot_has_a_source_and_knows_its_age():
    shipped = Advisories.load()
    assert len(shipped) > 50
    assert shipped.date < "2026"
    assert [one.id for one in shipped.affecting("werkzeug", "2.2.2")]
    assert not shipped.knows("a-package-of-nobody")


def test_a_damaged_file_and_an_empty_export_are_refused_by_name(tmp_path):
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(ReviewError, match=r"a\.json"):
        Advisories.load(tmp_path / "a.json")
    with pytest.raises(ReviewError, match="no PyPI record"):
        import_osv(tmp_path / "empty", _made(tmp_path / "empty"))
    with pytest.raises(ReviewError, match="not an OSV export"):
        import_osv(tmp_path / "a.json", tmp_path / "out.json")
    assert not (tmp_path / "out.json").exists()


def _made(folder):
    folder.mkdir()
    return folder / "out.json"


@pytest.mark.parametrize("as_zip", [True, False])
def test_an_osv_export_becomes_an_advisory_file(tmp_path, as_zip):
    record = {
        "id": "PYSEC-9", "published": "2026-02-03T00:00:00Z", "summary": "bad",
        "affected": [{"package": {"ecosystem": "PyPI", "name": "My_Shop"},
                      "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.0"}]}]}],
    }  # fmt: skip
    withdrawn = record | {"id": "PYSEC-10", "withdrawn": "2026-03-01T00:00:00Z"}
    source = tmp_path / ("osv.zip" if as_zip else "osv")
    if as_zip:
        with zipfile.ZipFile(source, "w") as archive:
            for one in (record, withdrawn):
                archive.writestr(f"{one['id']}.json", json.dumps(one))
    else:
        source.mkdir()
        for one in (record, withdrawn):
            (source / f"{one['id']}.json").write_text(json.dumps(one))
    assert import_osv(source, tmp_path / "out.json") == 1
    loaded = Advisories.load(tmp_path / "out.json")
    assert [one.id for one in loaded.affecting("my-shop", "1.9")] == ["PYSEC-9"]
    assert loaded.date == "2026-02-03"
