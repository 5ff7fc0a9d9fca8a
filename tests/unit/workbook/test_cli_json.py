"""docs/cli-json.md promises names; these tests hold the commands to them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from workbook.doctor.model import Check

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "cli-json.md"
COMMON = {"command", "version"}


def documented(section: str) -> set[str]:
    """The names in the first column of a section's table."""
    text = DOCUMENT.read_text(encoding="utf-8")
    body = re.search(rf"^## {section}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    assert body, section
    return {name for row in re.findall(r"^\| (`.*?) \|", body[1], re.M) for name in re.findall(r"`([^`]+)`", row)}


def emitted(value: Any, path: str = "") -> Iterator[str]:
    """Every leaf of a JSON value as the document writes it."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from emitted(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value:
        for item in value:
            yield from emitted(item, f"{path}[]")
    else:
        yield path + ("[]" if value == [] else "")


def compare(section: str, *objects: dict[str, Any]) -> None:
    """What the objects hold together is what the section names: nothing undocumented, nothing promised in vain."""
    names = documented(section) | (documented("Every command") if section != "Every command" else set())
    found = {name for item in objects for name in emitted(item)}
    free = {name.removesuffix(".*") for name in names if name.endswith(".*")}

    def promise_of(name: str) -> str | None:
        for prefix in free:
            if name == prefix or name.startswith((prefix + ".", prefix + "[")):
                return prefix + ".*"
        return name if name in names else None

    assert {name for name in found if promise_of(name) is None} == set(), "not documented"
    assert names - {promise_of(name) for name in found} == set(), "documented but not printed"


def printed(result: Any) -> dict[str, Any]:
    """Standard output must be one JSON object and nothing else."""
    return json.loads(result.stdout)


@pytest.mark.notebook
def test_run_prints_the_documented_names(sized, cli):
    sized.add("q2_fails", "# %% [markdown]\n# # A\n# %%\n1 / 0\n")
    result = cli("run", "--json")
    assert result.exit_code == 1
    record = printed(result)
    assert record["run"]["status"] == "failed"
    record["run"]["machine"]["gpus"] = record["run"]["machine"]["gpus"] or ["A10G"]
    for row in record["run"]["notebooks"]:
        if row["values"] == []:
            del row["values"]
    compare("run", record)


def test_doctor_prints_the_documented_names(cli, monkeypatch):
    from workbook import doctor

    checks = [Check("a", "ok", "x"), Check("b", "warn", "y", "mend it")]
    monkeypatch.setattr(doctor, "run_checks", lambda deep: iter(checks))
    monkeypatch.setattr(doctor, "fix", lambda: ["wrote the metadata"])
    result = cli("doctor", "--fix", "--json")
    assert result.exit_code == 0
    assert printed(result)["counts"] == {"ok": 1, "warn": 1, "fail": 0}
    compare("doctor", printed(result))


def test_the_document_names_every_check_of_the_doctor():
    from workbook.doctor import CHECKS, DEEP

    row, _ = re.findall(r"^\| `checks\[\]\.name` \|.*$", DOCUMENT.read_text(encoding="utf-8"), re.M)
    assert set(re.findall(r"`(\w+)`", row)) == {*CHECKS, *DEEP}


def test_the_security_checks_print_the_documented_names(cli, monkeypatch):
    from workbook.doctor import security

    checks = [Check("a", "ok", "x"), Check("b", "not checked", "y", "do it")]
    monkeypatch.setattr(security, "run_checks", lambda deep: iter(checks))
    result = cli("doctor", "--security", "--json")
    assert result.exit_code == 0
    assert printed(result)["counts"] == {"ok": 1, "warn": 0, "fail": 0, "not_checked": 1}
    record = printed(result) | {"fixed": ["x"]}
    compare("doctor --security", record)
    [row] = [one for one in DOCUMENT.read_text(encoding="utf-8").splitlines() if "`servers`" in one]
    assert set(re.findall(r"`([a-z]+(?: [a-z]+)?)`", row.split("|")[3])) == {*security.CHECKS, *security.DEEP}


@pytest.mark.slow
def test_claims_print_the_documented_names(cli):
    result = cli("claims", "--json")
    assert result.exit_code == 0, result.output
    record = printed(result)
    assert record["claims"]
    compare("claims", record)
    assert sum(record["counts"].values()) == len(record["claims"])


def test_stop_prints_the_documented_names(cli, monkeypatch):
    from reference.serving import engine, redis_store

    monkeypatch.setattr(engine, "stop_shared", lambda: True)
    monkeypatch.setattr(redis_store, "stop_private", lambda: False)
    result = cli("stop", "--json")
    assert printed(result)["stopped"] == {"engine": True, "redis": False}
    compare("stop", printed(result))


def test_pair_prints_the_documented_names(sized, cli):
    source = sized.notebooks / "q1_size.py"
    source.write_text(source.read_text().replace("requests = 10", "requests = 11"))
    differing = cli("pair", "--json")
    written = cli("pair", "--write", "--json")
    assert (differing.exit_code, written.exit_code) == (1, 0)
    records = [printed(differing), printed(written)]
    for record in records:
        for key in ("written", "differences"):
            if record[key] == []:
                del record[key]
    compare("pair", *records)


@pytest.mark.parametrize(
    ("args", "code"),
    [(("run", "q9", "--json"), 2), (("run", "--json", "-p", "x"), 2), (("claims", "-q", "99", "--json"), 2)],
)
def test_a_failure_prints_the_documented_names(sized, cli, args, code):
    result = cli(*args)
    assert result.exit_code == code
    record = printed(result)
    assert record["error"]["exit_code"] == code
    compare("When a command fails", record)


def test_the_documented_exit_codes_are_those_of_the_code():
    from workbook import errors

    body = DOCUMENT.read_text(encoding="utf-8").split("## Exit codes")[1].split("## Every command")[0]
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", body, re.M)}
    assert codes == {
        errors.OK, errors.FAILED, errors.USAGE, errors.ENVIRONMENT, errors.INTERNAL, errors.INTERRUPTED,
    }  # fmt: skip


def test_the_comparison_itself_finds_a_missing_and_an_undocumented_name():
    sound = {"command": "stop", "version": 1, "stopped": {"engine": True, "redis": True}}
    compare("stop", sound)
    with pytest.raises(AssertionError, match="not documented"):
        compare("stop", sound | {"extra": 1})
    with pytest.raises(AssertionError, match="documented but not printed"):
        compare("stop", {"command": "stop", "version": 1, "stopped": {"engine": True}})
