"""Sources of documents, with small packages made here and a stand-in for apt-get that hands them out."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from reference.rag.corpus import DebianSource, FolderSource, Package, PythonDocsSource, Unique, apt, samples
from reference.rag.types import RagError

needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="no dpkg-deb on this machine")
DEP5 = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: somebody
License: Apache-2.0

Files: debian/*
Copyright: somebody else
License: GPL-3
"""

MODULE = f'''"""{"What it is for. " * 20}"""
raise RuntimeError("imported")
class Thing:
    """A thing."""
    def act(self):
        """Acts."""
    def _no(self):
        """Hidden."""
'''


def build(folder: Path, name: str, files: dict[str, bytes]) -> Path:
    """A .deb with these files."""
    root = folder / f"{name}-root"
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN" / "control").write_text(
        f"Package: {name}\nVersion: 1:2.0-1\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: test\n"
    )
    for path, data in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    if name == "alpha":
        os.symlink("guide.html", root / "usr/share/doc/alpha/link.html")
    deb = folder / f"{name}_2.0-1_all.deb"
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", str(root), str(deb)], check=True, capture_output=True)
    return deb


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A PATH whose apt-get copies from a folder; counts its calls."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    build(
        folder,
        "alpha",
        {
            "usr/share/doc/alpha/guide.html": b"<html><title>Guide</title><h1>Guide</h1><p>how to</p></html>",
            "usr/share/doc/alpha/de/guide.html": b"<html><p>Anleitung</p></html>",
            "usr/share/doc/alpha/skipped/x.html": b"<html><p>not wanted</p></html>",
            "usr/share/doc/alpha/empty.txt": b"",
            "usr/share/doc/alpha/changelog.gz": gzip.compress(b"changes"),
            "usr/share/doc/alpha/copyright": DEP5.encode(),
            "usr/share/man/man1/alpha.1.gz": gzip.compress(b".TH ALPHA 1\n.SH NAME\nalpha \\- first\n"),
            "usr/bin/alpha": b"\x7fELF",
        },
    )
    build(
        folder,
        "beta",
        {
            "usr/share/doc/beta/copy.html.gz": gzip.compress(b"<html><title>Other</title><p>how to</p></html>"),
            "usr/share/doc/beta/copyright": b"Do what you like.",
        },
    )
    tools = tmp_path / "bin"
    tools.mkdir()
    script = tools / "apt-get"
    script.write_text(
        f"#!/bin/sh\necho $3 >> {tmp_path}/calls\n"
        f"cp {folder}/$3_*.deb . 2>/dev/null && exit 0\necho 'E: Unable to locate package '$3 >&2\nexit 100\n"
    )
    script.chmod(0o755)
    (tools / "apt-cache").symlink_to("/bin/true")
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path / "cache"))
    return tmp_path


ALPHA = Package("alpha", exclude=("*/skipped/*",))


@needs_dpkg
def test_packages_are_fetched_once_and_recorded_with_hash_and_licence(mirror):
    source = DebianSource([ALPHA, "beta"])
    assert source.missing() == ["alpha", "beta"]
    seen = []
    assert source.fetch(lambda *step: seen.append(step)) == []
    assert seen == [("alpha", 0, 2), ("beta", 1, 2)]
    assert DebianSource([ALPHA, "beta"]).fetch() == []
    assert (mirror / "calls").read_text().split() == ["alpha", "beta"]
    record = json.loads((mirror / "cache/corpus/debian/manifest.json").read_text())["packages"]
    assert [(r["package"], r["version"], r["licence"]) for r in record] == [
        ("alpha", "1:2.0-1", "Apache-2.0"),
        ("beta", "1:2.0-1", "see /usr/share/doc/beta/copyright"),
    ]
    source.verify()


@needs_dpkg
def test_documents_are_those_in_english_that_the_package_list_takes(mirror):
    source = DebianSource([ALPHA, "beta"])
    source.fetch()
    documents = list(source.documents())
    assert [d.id for d in documents] == ["alpha/guide.html", "alpha/man/man1/alpha.1.gz", "beta/copy.html.gz"]
    assert documents[0].licence == "Apache-2.0"
    assert documents[0].source == "alpha 1:2.0-1: /usr/share/doc/alpha/guide.html"
    assert source.problems == [("alpha/empty.txt", "is empty (0 bytes)")]
    assert list(source.documents()) == documents


@needs_dpkg
def test_exact_duplicates_are_dropped_and_named(mirror):
    unique = Unique(DebianSource([ALPHA, "beta"]))
    unique.source.fetch()
    assert [d.id for d in unique.documents()] == ["alpha/guide.html", "alpha/man/man1/alpha.1.gz"]
    assert unique.duplicates == [("beta/copy.html.gz", "alpha/guide.html")]


@needs_dpkg
def test_a_fetch_goes_on_where_it_stopped_and_one_failure_does_not_stop_the_others(mirror):
    assert [name for name, _ in DebianSource(["alpha", "nothing", "beta"]).fetch()] == ["nothing"]
    assert DebianSource(["alpha", "nothing", "beta"]).missing() == ["nothing"]
    deb = next((mirror / "cache/corpus/debian/debs").glob("beta*"))
    deb.write_bytes(deb.read_bytes()[:100])  # a copy that was cut short
    assert DebianSource(["alpha", "beta"]).missing() == ["beta"]
    assert DebianSource(["alpha", "beta"]).fetch() == []
    assert not list((mirror / "cache/corpus/debian/debs").glob(".fetching*"))


@needs_dpkg
def test_a_changed_package_is_found_by_its_hash(mirror):
    source = DebianSource(["alpha"])
    source.fetch()
    deb = next((mirror / "cache/corpus/debian/debs").glob("alpha*"))
    data = bytearray(deb.read_bytes())
    data[-1] ^= 1
    deb.write_bytes(data)
    with pytest.raises(RagError, match="sha256"):
        source.verify()


@needs_dpkg
def test_reading_before_fetching_names_the_command(mirror):
    with pytest.raises(RagError, match=r"alpha.*workbook corpus --fetch"):
        list(DebianSource(["alpha"]).documents())


@needs_dpkg
def test_a_damaged_manifest_means_fetching_again(mirror):
    DebianSource(["alpha"]).fetch()
    (mirror / "cache/corpus/debian/manifest.json").write_text("{")
    assert DebianSource(["alpha"]).missing() == ["alpha"]
    assert DebianSource(["alpha"]).fetch() == []


def test_without_apt_the_sample_is_python_documentation_and_says_why(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    sample = samples.ci_sample()
    assert sample.origin == "python"
    assert "no apt" in sample.reason
    documents = list(sample.documents())
    assert len(documents) > 100
    assert {d.collection for d in documents} >= {"httpx", "rich"}
    with pytest.raises(RagError, match="no apt"):
        samples.full_corpus(fetch=True)


@needs_dpkg
def test_the_sample_is_whole_or_not_debian_at_all(mirror, monkeypatch):
    monkeypatch.setattr(samples, "ci_packages", lambda: (ALPHA, Package("beta")))
    assert samples.ci_sample(fetch=False).origin == "python"
    assert samples.ci_sample().origin == "debian"
    monkeypatch.setattr(samples, "ci_packages", lambda: (ALPHA, Package("nothing")))
    assert samples.ci_sample().origin == "python"


def test_python_documentation_is_read_without_importing(tmp_path, monkeypatch):
    info = tmp_path / "demo_of_docs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: demo-of-docs\nVersion: 1.0\nLicense-Expression: MIT\n"
        "Description-Content-Type: text/markdown\n\n# Demo\n" + "Prose of the package. " * 20
    )
    package = tmp_path / "demo_of_docs"
    package.mkdir()
    (package / "__init__.py").write_text(MODULE)
    (package / "broken.py").write_text("def (:\n")
    (package / "_private.py").write_text('"""' + "secret " * 60 + '"""')
    (info / "RECORD").write_text("demo_of_docs/__init__.py,,\ndemo_of_docs/broken.py,,\ndemo_of_docs/_private.py,,\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    source = PythonDocsSource(["demo-of-docs", "absent-package"])
    readme, module = list(source.documents())
    assert (readme.kind, readme.title, readme.licence) == ("markdown", "Demo", "MIT")
    assert [s.path[1:] for s in module.sections] == [(), ("Thing",), ("Thing", "act")]
    assert [name for name, _ in source.problems] == ["absent-package", "demo-of-docs/demo_of_docs/broken.py"]


def test_a_folder_gives_its_files_and_reports_the_broken_ones(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/b.md").write_text("# B\ntext")
    (tmp_path / "a.txt").write_text("alpha")
    (tmp_path / "zero.pdf").write_bytes(b"")
    (tmp_path / ".hidden").write_text("no")
    os.symlink("/etc/hostname", tmp_path / "out.txt")
    source = FolderSource(tmp_path, tenant="acme", licence="own")
    documents = list(source.documents())
    assert [d.id for d in documents] == [f"{tmp_path.name}/a.txt", f"{tmp_path.name}/sub/b.md"]
    assert {(d.tenant, d.licence) for d in documents} == {("acme", "own")}
    assert source.problems == [("zero.pdf", "is empty (0 bytes)")]
    assert [d.title for d in FolderSource(f"{tmp_path}/**/*.md").documents()] == ["B"]
    assert [d.title for d in FolderSource(tmp_path / "a.txt").documents()] == ["alpha"]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(RagError, match="no such file or folder"):
        FolderSource(tmp_path / "absent")


def test_the_messages_of_apt_are_explained():
    said = "E: Unable to locate package x\n"
    assert "run `apt-get update`" in apt.explain("x", said, lists=False)
    assert "no package lists" in apt.explain("x", said, lists=False)
    assert "knows no such package" in apt.explain("x", said, lists=True)
    assert "out of date" in apt.explain("x", "E: Failed to fetch http://d/x 404  Not Found\n", lists=True)
    assert "cannot be reached" in apt.explain("x", "E: Temporary failure resolving 'd'\n", lists=True)
