"""Changes from a repository, a patch, memory; coverage of CI."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.agents.diff import Limits, apply_hunks
from reference.agents.sources import covered_lines, from_git, from_patch, from_texts, read_coverage, with_coverage
from reference.agents.types import ReviewError, Role


def git(repo: Path, *arguments: str) -> str:
    environment = os.environ | {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", "-c", "user.name=A", "-c", "user.email=a@b.example", "-c", "init.defaultBranch=main", *arguments],
        cwd=repo, env=environment, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout


def commit(repo: Path, message: str = "change") -> None:
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", message)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "a.py").write_text("one = 1\ntwo = 2\n")
    (folder / "kept.py").write_text("from a import one\n")
    (folder / "old.py").write_text("".join(f"line {n}\n" for n in range(9)))
    commit(folder, "start")
    git(folder, "checkout", "-q", "-b", "feature")
    (folder / "a.py").write_text("one = 1\ntwo = 3\nthree = 3\n")
    (folder / "old.py").rename(folder / "new.py")
    os.symlink("/etc/passwd", folder / "link.py")
    (folder / "ä b.py").write_text("x = 1\n")
    commit(folder, "Second\n\nWhy it is so.")
    git(folder, "checkout", "-q", "main")
    (folder / "other.py").write_text("z = 1\n")
    commit(folder, "main goes on")
    return folder


def test_from_git_reads_what_the_branch_brings_since_it_left_base(repo):
    change = from_git(repo, "main", "feature")
    assert {file.path: file.status for file in change.files} == {
        "a.py": "modified", "new.py": "renamed", "link.py": "added", "ä b.py": "added",
    }  # fmt: skip
    file = change.file("a.py")
    assert (file.before, file.after) == ("one = 1\ntwo = 2\n", "one = 1\ntwo = 3\nthree = 3\n")
    assert apply_hunks(file.before, file.hunks) == file.after
    assert (change.repository, change.title, change.body) == ("shop", "Second", "Why it is so.")
    assert change.head == git(repo, "rev-parse", "feature").strip()


def test_links_are_never_followed(repo):
    change = from_git(repo, "main", "feature")
    assert change.file("link.py").role is Role.SYMLINK
    assert change.file("link.py").after is None
    assert change.snapshot.read("link.py") is None
    assert "link.py" not in change.snapshot.paths()


def test_the_snapshot_reads_the_head_and_finds_whole_words(repo):
    shot = from_git(repo, "main", "feature").snapshot
    assert "other.py" not in shot.paths()
    assert shot.read("kept.py") == "from a import one\n"
    assert shot.read("../shop/kept.py") is None
    assert shot.grep("one", shot.paths()) == ["a.py", "kept.py"]
    assert shot.grep("on", shot.paths()) == []


def test_settings_attributes_and_hooks_of_the_repository_run_nothing(repo, tmp_path):
    mark = tmp_path / "ran"
    git(repo, "checkout", "-q", "feature")
    (repo / ".gitattributes").write_text("*.py diff=evil filter=evil\n")
    commit(repo)
    for key in ("diff.evil.command", "diff.evil.textconv", "filter.evil.smudge", "core.fsmonitor", "diff.external"):
        git(repo, "config", key, f"touch {mark};")
    git(repo, "config", "core.pager", f"touch {mark}")
    mark.unlink(missing_ok=True)
    change = from_git(repo, "main", "feature")
    assert change.file("a.py").after == "one = 1\ntwo = 3\nthree = 3\n"
    assert not mark.exists()


@pytest.mark.parametrize(
    ("base", "head", "said"),
    [
        ("mian", "feature", "nearest: main"),
        ("main", "main", "same commit"),
        ("--output=x", "main", "not known"),
        ("", "main", "branch, tag or commit"),
        ("main", "main~1", "part of base"),
    ],
)
def test_revisions_that_cannot_be_reviewed_are_said(repo, base, head, said):
    with pytest.raises(ReviewError, match=said):
        from_git(repo, base, head)


def test_a_folder_without_git_other_histories_and_limits_are_said(repo, tmp_path):
    with pytest.raises(ReviewError, match="not a git repository"):
        from_git(tmp_path, "a", "b")
    with pytest.raises(ReviewError, match="the limit"):
        from_git(repo, "main", "feature", limits=Limits(bytes=20))
    git(repo, "checkout", "-q", "--orphan", "island")
    commit(repo)
    with pytest.raises(ReviewError, match="no common ancestor"):
        from_git(repo, "main", "island")


def test_a_shallow_history_is_named_with_the_mend(repo, tmp_path):
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{repo}", "shallow")
    with pytest.raises(ReviewError, match="unshallow"):
        from_git(tmp_path / "shallow", "feature", "main")


def test_a_patch_with_its_repository_has_whole_texts_and_without_it_says_what_is_unknown(repo):
    data = git(repo, "diff", "main~1", "feature").encode()
    whole = from_patch(data, repo, revision="main~1")
    assert whole.file("a.py").after == "one = 1\ntwo = 3\nthree = 3\n"
    assert whole.file("new.py").before == "".join(f"line {n}\n" for n in range(9))
    assert whole.snapshot.read("a.py") == whole.file("a.py").after
    assert whole.snapshot.read("old.py") is None
    assert whole.snapshot.grep("three", whole.snapshot.paths()) == ["a.py"]
    alone = from_patch(data)
    assert alone.file("a.py").after is None
    assert alone.file("ä b.py").after == "x = 1\n"
    assert any("only the changed lines are known" in text for text in alone.problems)


def test_a_patch_that_does_not_fit_keeps_its_lines_and_says_so(repo):
    data = b"--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-nine = 9\n+ten = 10\n"
    change = from_patch(data, repo)
    assert change.file("a.py").added == {1: "ten = 10"}
    assert change.file("a.py").after is None
    assert "line 1 of the text is not the one" in change.problems[0]


def test_a_series_of_mails_is_applied_in_order(repo):
    git(repo, "checkout", "-q", "feature")
    (repo / "a.py").write_text("one = 1\ntwo = 4\nthree = 3\n")
    commit(repo, "Third")
    data = git(repo, "format-patch", "--stdout", "main~1..feature", "--", "a.py").encode()
    change = from_patch(data, repo, revision="main~1")
    assert change.file("a.py").after == "one = 1\ntwo = 4\nthree = 3\n"
    assert change.file("a.py").added == {2: "two = 4", 3: "three = 3"}
    assert (change.title, change.author, change.problems) == ("Third", "A", ())


trees = st.dictionaries(st.sampled_from(["a.py", "b/c.py", "d.md", "e.go"]), st.text("ab\n", max_size=12), max_size=4)


@settings(max_examples=80, deadline=None)
@given(trees, trees)
def test_from_texts_describes_every_difference_and_nothing_else(before, after):
    change = from_texts(before, after)
    named = {file.path for file in change.files} | {file.old_path for file in change.files if file.old_path}
    assert named == {path for path in {*before, *after} if before.get(path) != after.get(path)}
    for file in change.files:
        assert apply_hunks(file.before or "", file.hunks) == (file.after or "")


COVERAGE = b"""<?xml version="1.0"?><coverage><packages><package><classes>
<class filename="shop/a.py"><lines><line number="1" hits="3"/><line number="2" hits="0"/></lines></class>
</classes></package></packages></coverage>"""


def test_coverage_is_matched_by_the_end_of_the_path():
    change = from_texts({}, {"src/shop/a.py": "x\ny\n", "src/b.py": "z\n"})
    assert read_coverage(COVERAGE, change) == {"src/shop/a.py": (frozenset({1}), frozenset({2}))}
    twice = from_texts({}, {"a.py": "x\n"})
    both = COVERAGE.replace(
        b"</classes>", b'<class filename="x/a.py"><lines><line number="1" hits="1"/></lines></class></classes>'
    )
    assert with_coverage(twice, both).coverage == {}
    assert "2 of its files" in with_coverage(twice, both).problems[0]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<x/>", "the root is <x>"),
        (b"no xml", "not XML"),
        (b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><coverage>&e;</coverage>', "entities"),
        (COVERAGE.replace(b'hits="3"', b'hits="many"'), "whole numbers"),
    ],
)
def test_other_xml_and_entities_are_refused(data, said):
    with pytest.raises(ReviewError, match=said):
        covered_lines(data)
