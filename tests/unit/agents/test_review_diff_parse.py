"""Patches from outside: what is read, what is left out with a reason, what is refused."""

from __future__ import annotations

import contextlib
import difflib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reference.agents.diff import Limits, ParsedPatch, apply_hunks, hunks_of, parse_patch
from reference.agents.types import ReviewError, Role


def patch(path: str = "app/a.py", body: str = "@@ -1,2 +1,2 @@\n a\n-b\n+c\n", head: str = "") -> bytes:
    return f"diff --git a/{path} b/{path}\n{head}--- a/{path}\n+++ b/{path}\n{body}".encode()


def one(data: bytes):  # type: ignore[no-untyped-def]
    parsed = parse_patch(data)
    assert parsed.problems == ()
    (file,) = parsed.files
    return file


def unified(before: str, after: str, context: int = 3) -> bytes:
    """difflib's diff, with git's mark for a last line without an end."""

    def split(text: str) -> list[str]:
        lines = text.split("\n")
        return [line + "\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])

    made = ""
    for line in difflib.unified_diff(split(before), split(after), "a/x.py", "b/x.py", n=context):
        made += line if line.endswith("\n") else line + "\n\\ No newline at end of file\n"
    return made.encode()


texts = st.builds(
    lambda lines, ending, closed: ending.join(lines) + (ending if closed and lines else ""),
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=6), max_size=14),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)


@settings(max_examples=200, deadline=None)
@given(texts, texts, st.integers(0, 4))
@example("a\n\x0c\x85\u2028b\n", "\u2028\n\x1c", 3)
def test_difflib_patch_parsed_and_applied_gives_the_new_text(before, after, context):
    parsed = parse_patch(unified(before, after, context))
    hunks = parsed.files[0].hunks if parsed.files else ()
    assert parsed.problems == ()
    assert apply_hunks(before, hunks) == after
    lines = after.count("\n") + (not after.endswith("\n") and after != "")
    assert all(1 <= number <= lines for file in parsed.files for number in file.commentable)


@settings(max_examples=100, deadline=None)
@given(texts, texts)
def test_computed_hunks_turn_the_old_text_into_the_new(before, after):
    hunks = hunks_of(before, after)
    assert apply_hunks(before, hunks) == after
    for hunk in hunks:
        assert hunk.old_length == sum(line.old is not None for line in hunk.lines)
        assert hunk.new_length == sum(line.new is not None for line in hunk.lines)


WORDS = [
    b"diff --git a/x.py b/x.py",
    b"--- a/x.py",
    b"+++ b/x.py",
    b"--- /dev/null",
    b"@@ -1,2 +1,2 @@",
    b"@@ -0,0 +1 @@",
    b"@@ -9,0 +9,2 @@",
    b"@@ -1 +0,0 @@",
    b"@@ -0,0 +0,0 @@",
    b" a",
    b"-b",
    b"+c",
    b"",
    b"\\ No newline at end of file",
    b"-- ",
    b"new file mode 120000",
    b"rename from x.py",
    b"rename to y.py",
    b"copy from x.py",
    b"Binary files a/x and b/x differ",
    b"GIT binary patch",
    b"diff --cc x.py",
    b"@@@ -1 -1 +1 @@@",
    b"From 0123 Mon Sep 17",
    b'diff --git "a/\\303" "b/\\303"',
    b"deleted file mode 100644",
    b"--- ",
    b"+++ ",
    b"+\xff\x00",
    b"@@ -99999999999,1 +1 @@",
    b"old mode 100644",
]


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.lists(st.sampled_from(WORDS), max_size=14).map(b"\n".join)))
def test_any_bytes_give_a_patch_or_a_review_error(data):
    try:
        parsed = parse_patch(data)
    except ReviewError:
        return
    assert isinstance(parsed, ParsedPatch)
    assert len({file.path for file in parsed.files}) == len(parsed.files)
    for file in parsed.files:
        for hunk in file.hunks:
            assert hunk.new_length == sum(line.new is not None for line in hunk.lines)
            assert all(hunk.new_start <= n < hunk.new_start + hunk.new_length for n in
                       (line.new for line in hunk.lines) if n is not None)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 400), st.integers(0, 255))
def test_a_patch_cut_or_changed_anywhere_never_raises_anything_else(at, byte):
    whole = patch() + patch("b.py", "@@ -1,3 +1,4 @@\n a\n+x\n b\n c\n@@ -9 +10 @@\n-y\n+z\n")
    for data in (whole[:at], whole[:at] + bytes([byte]) + whole[at + 1 :]):
        with contextlib.suppress(ReviewError):
            parse_patch(data)


def test_a_cut_file_is_named_and_the_others_stand():
    parsed = parse_patch(patch() + patch("b.py", "@@ -1,3 +1,4 @@\n a\n+x\n"))
    assert [file.path for file in parsed.files] == ["app/a.py"]
    assert "b.py" in parsed.problems[0]
    assert "cut short" in parsed.problems[0]
    with pytest.raises(ReviewError, match="line 4: the hunk is cut short at line 7"):
        parse_patch(patch("b.py", "@@ -1,3 +1,4 @@\n a\n+x\n"))


@pytest.mark.parametrize(
    "body",
    [
        "@@ -1,2 +1,2 @@\n a\n-b\n+c\n+hidden\n",
        "@@ -1,1 +1,3 @@\n a\n-b\n+c\n",
        "@@ -1,2 +7,2 @@\n a\n-b\n+c\n",
        "@@ -5,2 +5,2 @@\n a\n-b\n+c\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n",
        "@@ -1,2 +1,2 @@\n a\n-b\n+c\n@@ -2,2 +2,2 @@\n a\n-b\n+c\n",
        "@@ -0,0 +0,0 @@\n",
        "@@ nonsense @@\n+c\n",
    ],
)
def test_hunks_whose_counts_or_places_lie_are_left_out(body):
    parsed = parse_patch(patch() + patch("lies.py", body))
    assert [file.path for file in parsed.files] == ["app/a.py"]
    assert parsed.problems
    assert "lies.py" in parsed.problems[0]


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "a/../../b.py",
        ".git/hooks/pre-commit",
        "x/.GIT/config",
        ".git /config",
        "x\\..\\y.py",
        "C:/x.py",
        "/etc/passwd",
        "a//b.py",
        "./a.py",
        "git~1/config",
    ],
)
def test_names_that_could_leave_the_tree_are_left_out(name):
    parsed = parse_patch(patch() + patch(name))
    assert [file.path for file in parsed.files] == ["app/a.py"]
    assert "left out" in parsed.problems[0]


def test_a_rename_out_of_the_tree_and_nul_names_are_left_out():
    rename = b"diff --git a/a.py b/../x.py\nsimilarity index 100%\nrename from a.py\nrename to ../x.py\n"
    nul = b'diff --git "a/x\\000.py" "b/x\\000.py"\nold mode 100644\nnew mode 100755\n'
    parsed = parse_patch(rename + nul)
    assert parsed.files == ()
    assert len(parsed.problems) == 2


def test_quoted_names_are_decoded_and_names_that_are_not_utf8_left_out():
    data = b'diff --git "a/\\303\\244 \\"x.py" "b/\\303\\244 \\"x.py"\nold mode 100644\nnew mode 100755\n'
    assert one(data).path == 'ä "x.py'
    assert one(data).status == "mode"
    parsed = parse_patch(patch() + b'diff --git "a/\\377.py" "b/\\377.py"\nold mode 100644\nnew mode 100755\n')
    assert len(parsed.files) == 1
    assert "not UTF-8" in parsed.problems[0]


def test_blanks_in_names_and_tabs_after_them_are_read():
    file = one(b"diff --git a/my file.py b/my file.py\n--- a/my file.py\t\n+++ b/my file.py\t\n@@ -1 +1 @@\n-a\n+b\n")
    assert file.path == "my file.py"
    assert file.added == {1: "b"}


def test_bytes_that_are_not_utf8_are_replaced_and_said():
    parsed = parse_patch(patch().replace(b"+c", b"+\xe4c"))
    assert parsed.files[0].added == {2: "\ufffdc"}
    assert "not UTF-8" in parsed.problems[0]


def test_binaries_links_and_submodules_have_their_roles_and_are_not_read():
    binary = (
        b"diff --git a/x.png b/x.png\nnew file mode 100644\nindex 0000000..1\n"
        b"Binary files /dev/null and b/x.png differ\n"
    )
    literal = (
        b"diff --git a/y.bin b/y.bin\nindex 1..2 100644\nGIT binary patch\nliteral 3\nKcmZQzWMT#Y01f~L\n\n"
        b"literal 2\nJcmZQzU|?VX0000000000\n\n"
    )
    link = (
        b"diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/etc/passwd\n"
        b"\\ No newline at end of file\n"
    )
    module = (
        b"diff --git a/m b/m\nindex 1..2 160000\n--- a/m\n+++ b/m\n@@ -1 +1 @@\n"
        b"-Subproject commit 1\n+Subproject commit 2\n"
    )
    parsed = parse_patch(binary + literal + link + module + patch())
    assert [file.role for file in parsed.files] == [Role.BINARY, Role.BINARY, Role.SYMLINK, Role.SUBMODULE, Role.SOURCE]
    assert [file.status for file in parsed.files] == ["added", "modified", "added", "modified", "modified"]
    assert all(file.why_not_read for file in parsed.files[:4])


def test_a_file_that_becomes_a_link_is_one_entry_that_is_not_read():
    gone = b"diff --git a/x.py b/x.py\ndeleted file mode 100644\n--- a/x.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n"
    link = b"diff --git a/x.py b/x.py\nnew file mode 120000\n--- /dev/null\n+++ b/x.py\n@@ -0,0 +1 @@\n+/etc/passwd\n"
    file = one(gone + link)
    assert file.role is Role.SYMLINK
    assert file.status == "modified"


def test_renames_copies_modes_and_deletions_have_their_status():
    data = (
        b"diff --git a/a.py b/b.py\nsimilarity index 90%\nrename from a.py\nrename to b.py\n--- a/a.py\n+++ b/b.py\n"
        b"@@ -1 +1 @@\n-x\n+y\n"
        b"diff --git a/a.py b/c.py\nsimilarity index 100%\ncopy from a.py\ncopy to c.py\n"
        b"diff --git a/d.sh b/d.sh\nold mode 100644\nnew mode 100755\n"
        b"diff --git a/e.py b/e.py\ndeleted file mode 100644\n--- a/e.py\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-x\n-y\n"
        b"diff --git a/f.py b/f.py\nnew file mode 100644\nindex 0000000..e69de29\n"
    )
    parsed = parse_patch(data)
    assert [(file.path, file.status, file.old_path) for file in parsed.files] == [
        ("b.py", "renamed", "a.py"), ("c.py", "added", "a.py"), ("d.sh", "mode", None), ("e.py", "deleted", None),
        ("f.py", "added", None),
    ]  # fmt: skip
    assert parsed.files[3].removed == {1: "x", 2: "y"}
    assert not parsed.files[3].commentable


def test_names_that_disagree_are_left_out():
    data = b"diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/evil.py\n@@ -1 +1 @@\n-x\n+y\n"
    assert "disagree" in parse_patch(patch() + data).problems[0]


def test_line_ends_are_dropped_from_texts_and_a_change_of_them_alone_is_recognised():
    file = one(patch(body="@@ -1,2 +1,2 @@\n a\r\n-b\r\n+c\r\n"))
    assert file.added == {2: "c"}
    assert file.hunks[0].lines[2].ending == "\r\n"
    assert not file.why_not_read
    assert one(patch(body="@@ -1,2 +1,2 @@\n-a\n-b\n+a\r\n+b\r\n")).why_not_read == "only line ends change"
    assert not one(patch(body="@@ -1,2 +1,2 @@\n-a\n-b\n+a\r\n+evil\r\n")).why_not_read


def test_a_patch_that_a_mail_program_gave_crlf_is_read_as_lf():
    file = one(patch().replace(b"\n", b"\r\n"))
    assert file.path == "app/a.py"
    assert {line.ending for line in file.hunks[0].lines} == {"\n"}


def test_a_mail_of_several_commits_is_read_without_its_signatures():
    mail = b"From 0123 Mon Sep 17 00:00:00 2001\nFrom: A <a@b.example>\nSubject: x\n\n---\n a.py | 2 +-\n\n"
    data = mail + patch() + b"-- \n2.39.5\n\n" + mail + patch("b.py") + b"-- \n2.39.5\n\n"
    parsed = parse_patch(data)
    assert parsed.problems == ()
    assert [file.path for file in parsed.files] == ["app/a.py", "b.py"]
    assert parsed.files[0].removed == {2: "b"}


def test_a_new_file_that_a_later_commit_changes_is_joined_and_an_unknown_one_is_said():
    new = b"diff --git a/n.py b/n.py\nnew file mode 100644\n--- /dev/null\n+++ b/n.py\n@@ -0,0 +1,2 @@\n+a\n+b\n"
    parsed = parse_patch(new + patch("n.py"))
    assert parsed.files[0].after == "a\nc\n"
    assert parsed.files[0].added == {1: "a", 2: "c"}
    assert len(parsed.entries) == 2
    twice = parse_patch(patch() + patch() + patch("b.py"))
    assert [file.path for file in twice.files] == ["b.py"]
    assert "changes it 2 times" in twice.problems[0]


def test_limits_are_named():
    with pytest.raises(ReviewError, match="bytes, the limit is 10"):
        parse_patch(patch(), limits=Limits(bytes=10))
    with pytest.raises(ReviewError, match="2 files, the limit is 1"):
        parse_patch(patch() + patch("b.py"), limits=Limits(files=1))
    (file,) = parse_patch(patch(), limits=Limits(lines=1)).files
    assert "2 changed lines, the limit is 1" in file.why_not_read
    assert not file.is_code
    (file,) = parse_patch(patch(body=f"@@ -1,2 +1,2 @@\n a\n-b\n+{'c' * 50}\n"), limits=Limits(line_length=40)).files
    assert "a line of 51 bytes" in file.why_not_read


def test_plain_diffs_of_two_folders_lose_the_folders_names():
    assert one(b"--- old/x/a.py\t2020-01-01\n+++ new/x/a.py\t2020-01-02\n@@ -1 +1 @@\n-a\n+b\n").path == "x/a.py"
    assert one(b"--- a.py\n+++ a.py\n@@ -1 +1 @@\n-a\n+b\n").path == "a.py"


def test_empty_is_no_change_and_prose_is_refused_with_the_line():
    assert parse_patch(b"").files == ()
    assert parse_patch(b"\n \n").files == ()
    with pytest.raises(ReviewError, match="line 1: no file header"):
        parse_patch(b"hello\n")
    with pytest.raises(ReviewError, match="line 2: a hunk without a file"):
        parse_patch(b"hello\n@@ -1 +1 @@\n-a\n+b\n")


def test_combined_diffs_of_merges_are_refused():
    with pytest.raises(ReviewError, match="combined diff"):
        parse_patch(b"diff --cc a.py\nindex 1,2..3\n--- a/a.py\n+++ b/a.py\n@@@ -1,1 -1,1 +1,2 @@@\n  a\n++b\n")
