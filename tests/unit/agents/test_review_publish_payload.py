"""What GitHub is sent is what GitHub takes: positions in the diff, known fields, one event of two."""

from __future__ import annotations

import difflib
import random
from collections.abc import Mapping
from dataclasses import replace

import pytest

from reference.agents.github.fake import FakeGitHub, FakePull
from reference.agents.github.openapi import faults, part
from reference.agents.publish import github_payload
from reference.agents.publish.poster import PostRequest
from reference.agents.publish.text import comment_body
from reference.agents.types import (
    Agent,
    Change,
    ChangedFile,
    Comment,
    DiffLine,
    Finding,
    Hunk,
    Plan,
    Review,
    ReviewError,
    Role,
    Severity,
    Side,
)

HEAD = "a" * 40
REPOSITORY = "acme/shop"


def hunks_of(before: str, after: str) -> tuple[Hunk, ...]:
    """Hunks with three lines of context; without unidiff, so that a fault there would show here."""
    old, new = before.splitlines(), after.splitlines()
    made = []
    for group in difflib.SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(3):
        lines = []
        for kind, a, b, c, d in group:
            if kind == "equal":
                lines += [DiffLine("context", t, a + n + 1, c + n + 1) for n, t in enumerate(old[a:b])]
            else:
                lines += [DiffLine("removed", t, a + n + 1, None) for n, t in enumerate(old[a:b])]
                lines += [DiffLine("added", t, None, c + n + 1) for n, t in enumerate(new[c:d])]
        a, b, c, d = group[0][1], group[-1][2], group[0][3], group[-1][4]
        made.append(Hunk(a + 1 if b > a else a, b - a, c + 1 if d > c else c, d - c, tuple(lines)))
    return tuple(made)


def diff_of(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """As git writes it."""
    rows: list[str] = []
    for path in sorted({*before, *after}):
        old, new = before.get(path, ""), after.get(path, "")
        if old == new:
            continue
        names = (f"a/{path}" if path in before else "/dev/null", f"b/{path}" if path in after else "/dev/null")
        rows.append(f"diff --git a/{path} b/{path}")
        rows += difflib.unified_diff(old.splitlines(), new.splitlines(), *names, lineterm="")
    return "\n".join(rows) + "\n"


def change_of(before: Mapping[str, str], after: Mapping[str, str]) -> Change:
    files = tuple(
        ChangedFile(path, "modified", Role.SOURCE, "python", hunks=hunks_of(before.get(path, ""), after[path]))
        for path in sorted(after)
        if before.get(path, "") != after[path]
    )
    return Change(REPOSITORY, "b" * 40, HEAD, files, number=7)


def random_change(dice: random.Random) -> tuple[dict[str, str], dict[str, str]]:
    before, after = {}, {}
    for number in range(dice.randint(1, 4)):
        path = f"pkg/mod_{number}.py"
        lines = [f"x{dice.randint(0, 30)} = {n}" for n in range(dice.randint(0, 60))]
        edited = list(lines)
        for _ in range(dice.randint(1, 6)):
            at = dice.randint(0, len(edited))
            # lines that look like a diff's own must not mislead anyone
            what = ["new = 1", "-- gone", "++ more", "@@ -1,2 +3,4 @@", "", "    indented"]
            edited[at : at + dice.randint(0, 2)] = dice.sample(what, dice.randint(1, 3))
        if lines:
            before[path] = "\n".join(lines) + "\n"
        after[path] = "\n".join(edited) + "\n"
    return before, after


def finding(path: str, line: int, end: int, severity: Severity = Severity.WARNING) -> Finding:
    return Finding(Agent.QUALITY, "quality/proposed", severity, path, line, end, {"claim": "see @x #1 <b>"})


def random_review(dice: random.Random, change: Change) -> Review:
    comments = []
    for file in change.files:
        lines = sorted(file.commentable)
        for line in dice.sample(lines, min(3, len(lines))):
            severity = dice.choice(list(Severity))
            one = finding(file.path, line, line, severity)
            # a range may begin anywhere above, even outside the hunk
            start = dice.choice([None, line, max(1, line - dice.randint(0, 12))])
            comments.append(Comment(file.path, line, comment_body([one]), severity, (one,), start_line=start))
    event = "REQUEST_CHANGES" if any(one.severity is Severity.CRITICAL for one in comments) else "COMMENT"
    return Review(change, Plan(()), (), tuple(comments), event)


def fake_with(before: Mapping[str, str], after: Mapping[str, str]) -> FakeGitHub:
    return FakeGitHub(pulls={(REPOSITORY, 7): FakePull(diff_of(before, after), HEAD, after=after)})


def test_two_hundred_reviews_of_random_changes_are_all_accepted_with_every_comment():
    dice = random.Random(6)
    posted = ranges = 0
    for _ in range(200):
        before, after = random_change(dice)
        change = change_of(before, after)
        review = random_review(dice, change)
        payload = github_payload(review)
        assert fake_with(before, after).check_review(REPOSITORY, 7, payload) == []
        PostRequest.model_validate({"repository": REPOSITORY, "number": 7, "review": payload})
        assert len(payload["comments"]) == len(review.comments)
        posted += len(payload["comments"])
        ranges += sum("start_line" in one for one in payload["comments"])
    assert posted > 600
    assert ranges > 50


BEFORE = {"a.py": "".join(f"x{n} = {n}\n" for n in range(1, 41))}
AFTER = {"a.py": BEFORE["a.py"].replace("x5 =", "y5 =").replace("x30 =", "y30 =")}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"line": 15}, "comments[0].line: Line could not be resolved"),
        ({"side": "left"}, "comments[0].side: is not LEFT or RIGHT"),
        ({"start_line": 5, "start_side": "RIGHT"}, "start_line: must precede"),
        ({"start_line": 6, "start_side": "RIGHT"}, "start_line: must precede"),
        ({"line": 30, "start_line": 5, "start_side": "RIGHT"}, "same hunk"),
        ({"path": "b.py"}, "Path could not be resolved"),
        ({"body": " "}, "body: is empty"),
        ({"body": None}, "comments/0/body: None is not of type 'string'"),
        ({"line": "5"}, "comments/0/line: '5' is not of type 'integer'"),
    ],
)
def test_the_fake_refuses_a_wrong_comment(wrong, said):
    comment = {"path": "a.py", "line": 5, "side": "RIGHT", "body": "x"}
    review = {"commit_id": HEAD, "event": "COMMENT", "body": "b", "comments": [comment]}
    fake = fake_with(BEFORE, AFTER)
    assert fake.check_review(REPOSITORY, 7, review) == []
    [fault] = fake.check_review(REPOSITORY, 7, review | {"comments": [comment | wrong]})
    assert said in fault


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"commit_id": "c" * 40}, "commit_id"),
        ({"body": ""}, "body: needed for the event REQUEST_CHANGES"),
        ({"event": "BLOCK"}, "event: 'BLOCK' is not one of"),
        ({"comments": [{"body": "x"}]}, "'path' is a required property"),
    ],
)
def test_the_fake_refuses_a_wrong_review(wrong, said):
    review = {"commit_id": HEAD, "event": "REQUEST_CHANGES", "body": "b", "comments": []}
    fake = fake_with(BEFORE, AFTER)
    assert fake.check_review(REPOSITORY, 7, review) == []
    [fault] = fake.check_review(REPOSITORY, 7, review | wrong)
    assert said in fault


def test_the_old_side_has_its_own_lines():
    after = {"a.py": BEFORE["a.py"].replace("x5 = 5\nx6 = 6\n", "")}
    fake = fake_with(BEFORE, after)
    comment = {"path": "a.py", "line": 9, "side": "LEFT", "body": "x"}
    review = {"commit_id": HEAD, "event": "COMMENT", "body": "b", "comments": [comment]}
    assert fake.check_review(REPOSITORY, 7, review) == []
    assert fake.check_review(REPOSITORY, 7, review | {"comments": [comment | {"side": "RIGHT"}]})


def test_a_comment_outside_the_diff_moves_into_the_body_instead_of_costing_the_whole_review():
    change = change_of(BEFORE, AFTER)
    inside, outside = finding("a.py", 5, 5), finding("a.py", 15, 15)
    comments = tuple(Comment("a.py", one.line, comment_body([one]), one.severity, (one,)) for one in (inside, outside))
    payload = github_payload(Review(change, Plan(()), (), comments, "COMMENT"))
    assert [one["line"] for one in payload["comments"]] == [5]
    assert "- `a.py` line 15: **Warning:** Possible logic error" in payload["body"]
    PostRequest.model_validate({"repository": REPOSITORY, "number": 7, "review": payload})


def test_more_comments_than_the_poster_takes_are_listed_in_the_body_and_counted():
    after = {"a.py": "".join(f"y{n} = {n}\n" for n in range(1, 121))}
    comments = tuple(
        Comment("a.py", line, comment_body([one]), one.severity, (one,))
        for line in range(1, 121)
        for one in [finding("a.py", line, line)]
    )
    payload = github_payload(Review(change_of(BEFORE, after), Plan(()), (), comments, "COMMENT"))
    assert len(payload["comments"]) == 50
    assert payload["body"].count("- `a.py` line") == 40
    assert payload["body"].endswith("- and 30 more")
    PostRequest.model_validate({"repository": REPOSITORY, "number": 7, "review": payload})


def test_a_range_that_leaves_its_hunk_shrinks_to_its_last_line():
    one = finding("a.py", 5, 30)
    comment = Comment("a.py", 30, comment_body([one]), one.severity, (one,), start_line=5)
    [made] = github_payload(Review(change_of(BEFORE, AFTER), Plan(()), (), (comment,), "COMMENT"))["comments"]
    assert (made["line"], "start_line" in made) == (30, False)


def test_a_comment_on_the_old_side_is_looked_up_there():
    one = finding("a.py", 5, 5)
    comment = Comment("a.py", 5, comment_body([one]), one.severity, (one,), side=Side.LEFT, start_line=4)
    payload = github_payload(Review(change_of(BEFORE, AFTER), Plan(()), (), (comment,), "COMMENT"))
    assert payload["comments"][0] | {"body": ""} == {
        "path": "a.py", "line": 5, "side": "LEFT", "start_line": 4, "start_side": "LEFT", "body": "",
    }  # fmt: skip


@pytest.mark.parametrize("event", ["APPROVE", "PENDING", ""])
def test_there_is_no_other_event(event):
    review = Review(change_of(BEFORE, AFTER), Plan(()), (), (), "COMMENT")
    with pytest.raises(ReviewError, match="REQUEST_CHANGES, COMMENT"):
        github_payload(replace(review, event=event))


def test_the_stored_openapi_part_says_where_it_is_from():
    made = part()
    assert (made["version"], made["licence"], len(made["sha256"])) == ("23.0.2", "MIT", 64)
    assert set(made["operations"]) == {"pulls/create-review", "checks/create"}
    assert made["operations"]["pulls/create-review"]["request"]["properties"]["event"]["enum"] == [
        "APPROVE",
        "REQUEST_CHANGES",
        "COMMENT",
    ]


def test_a_check_run_without_a_head_is_refused():
    check = {"name": "review", "head_sha": HEAD, "status": "completed", "conclusion": "neutral"}
    assert faults("checks/create", check) == []
    assert faults("checks/create", {"name": "review", "status": "completed", "conclusion": "neutral"})
