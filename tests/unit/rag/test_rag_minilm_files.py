"""The embedder's files are the pinned ones, or nothing is loaded."""

from __future__ import annotations

import hashlib
import os

import pytest

from reference.rag import minilm_files
from reference.rag.types import RagError


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path / "cache"))


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.slow
def test_the_installed_files_have_the_pinned_hashes():
    folder = minilm_files.minilm_folder()
    assert {name for name in minilm_files.SHA256 if (folder / name).is_file()} == set(minilm_files.SHA256)


def test_the_tokenizer_neither_cuts_nor_pads():
    encoded = minilm_files.minilm_tokenizer().encode("word " * 1000)
    assert len(encoded.ids) == 1000 + minilm_files.SPECIAL_TOKENS


def test_a_wrong_hash_is_refused_and_names_file_and_both_hashes(tmp_path):
    (tmp_path / "w").write_bytes(b"other")
    with pytest.raises(RagError) as error:
        minilm_files.check_files(tmp_path, {"w": digest(b"pinned")})
    assert all(part in str(error.value) for part in (str(tmp_path / "w"), digest(b"other"), digest(b"pinned")))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RagError, match=r"model\.bin"):
        minilm_files.check_files(tmp_path, {"model.bin": digest(b"")})


def test_a_passed_check_is_not_repeated_until_the_file_changes(tmp_path, monkeypatch):
    path = tmp_path / "w"
    path.write_bytes(b"pinned")
    hashed = []
    real = minilm_files.sha256_of
    monkeypatch.setattr(minilm_files, "sha256_of", lambda p: hashed.append(p) or real(p))
    for _ in range(3):
        minilm_files.check_files(tmp_path, {"w": digest(b"pinned")})
    assert len(hashed) == 1
    path.write_bytes(b"PINNED")  # same size
    os.utime(path, ns=(1, 1))
    with pytest.raises(RagError):
        minilm_files.check_files(tmp_path, {"w": digest(b"pinned")})


def test_a_remembered_check_does_not_vouch_for_another_hash(tmp_path):
    (tmp_path / "w").write_bytes(b"pinned")
    minilm_files.check_files(tmp_path, {"w": digest(b"pinned")})
    with pytest.raises(RagError):
        minilm_files.check_files(tmp_path, {"w": digest(b"later pin")})


def test_a_damaged_memory_of_checks_is_ignored(tmp_path):
    (tmp_path / "w").write_bytes(b"pinned")
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "checked-files.json").write_text("[1")
    minilm_files.check_files(tmp_path, {"w": digest(b"pinned")})


def test_without_a_writable_cache_the_files_are_still_checked(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path / "file" / "below"))
    (tmp_path / "w").write_bytes(b"other")
    with pytest.raises(RagError, match="sha256"):
        minilm_files.check_files(tmp_path, {"w": digest(b"pinned")})
