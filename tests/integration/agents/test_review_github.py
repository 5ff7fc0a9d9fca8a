"""From a signed delivery to a posted review, over real ports and real processes, against a fake GitHub."""

from __future__ import annotations

import difflib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from reference.agents.github.client import GitHubReader
from reference.agents.github.deliveries import Deliveries
from reference.agents.github.fake import FakeGitHub, FakePull, create_fake
from reference.agents.github.service import ReviewService
from reference.agents.github.serving import LoopbackServer
from reference.agents.github.webhook import create_app, signature_of
from reference.agents.publish import github_payload
from reference.agents.publish.posting import PosterProcess, take_token
from reference.agents.publish.text import comment_body
from reference.agents.types import Agent, AgentReport, Change, Comment, Finding, Plan, Review, ReviewError, Severity

sys.path.append(str(Path(__file__).parents[2] / "unit" / "agents"))
from test_review_publish_payload import change_of, random_change, random_review
from test_review_publish_payload import diff_of as diff_of_trees

SECRET = "the hook's secret"
HEAD = "a" * 40
REPOSITORY = "acme/shop"
WRITE, READ = "write-" + "token", "read-" + "token"
BEFORE = """import sqlite3


def orders_of(connection: sqlite3.Connection, request) -> list:
    customer = request.args["customer"]
    query = "SELECT * FROM orders WHERE customer = ?"
    return list(connection.execute(query, (customer,)))
"""
AFTER = BEFORE.replace('"SELECT * FROM orders WHERE customer = ?"', "f\"SELECT * FROM orders WHERE c = '{customer}'\"")
AFTER = AFTER.replace("execute(query, (customer,))", "execute(query)")


def diff_of(path: str, before: str, after: str) -> str:
    rows = difflib.unified_diff(before.splitlines(), after.splitlines(), f"a/{path}", f"b/{path}", lineterm="")
    return "\n".join([f"diff --git a/{path} b/{path}", "index 1111111..2222222 100644", *rows]) + "\n"


def pull(after: str = AFTER, head: str = HEAD, **fields: Any) -> FakePull:
    return FakePull(diff_of("shop/orders.py", BEFORE, after), head, after={"shop/orders.py": after}, **fields)


class SqlReviewer:
    """A reviewer with one rule: an added line that builds SQL from an f-string. Keeps what it was given."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.environments: list[dict[str, str]] = []

    async def review(self, change: Change, posted_before: Collection[str] = ()) -> Review:
        self.changes.append(change)
        self.environments.append(dict(os.environ))
        found = [
            Finding(
                Agent.SECURITY, "security/proposed", Severity.CRITICAL, file.path, line, line,
                {"claim": f"SQL built from text: {text.strip()} @team #1"}, evidence=text,
            )
            for file in change.files
            for line, text in file.added.items()
            if re.search(r"f\"SELECT", text)
        ]  # fmt: skip
        comments = tuple(Comment(one.path, one.line, comment_body([one]), one.severity, (one,)) for one in found)
        event = "REQUEST_CHANGES" if found else "COMMENT"
        return Review(change, Plan(()), (AgentReport(Agent.SECURITY, tuple(found)),), comments, event)


@dataclass
class World:
    github: FakeGitHub
    api: str
    hook: str
    poster: PosterProcess
    reviewer: SqlReviewer

    def deliver(
        self, delivery: str, *, head: str = HEAD, secret: str = SECRET, action: str = "opened"
    ) -> httpx.Response:
        return deliver(self.hook, delivery, head=head, secret=secret, action=action)

    def settled(self, count: int) -> dict[str, Any]:
        return settled(self.hook, count)


def deliver(hook: str, delivery: str, *, head: str, secret: str = SECRET, action: str = "opened") -> httpx.Response:
    body = json.dumps(
        {
            "action": action,
            "repository": {"full_name": REPOSITORY},
            "pull_request": {"number": 7, "draft": False, "head": {"sha": head}},
        }
    ).encode()
    headers = {
        "X-Hub-Signature-256": signature_of(secret, body),
        "X-GitHub-Event": "pull_request",
        "X-GitHub-Delivery": delivery,
        "Content-Type": "application/json",
    }
    return httpx.post(f"{hook}/webhook", content=body, headers=headers, timeout=30)


def settled(hook: str, count: int) -> dict[str, Any]:
    """The health once `count` reviews are over."""
    for _ in range(600):
        health = httpx.get(f"{hook}/health", timeout=10).json()
        if health["done"] + health["failed"] >= count:
            return dict(health)
        time.sleep(0.05)
    raise AssertionError(health)


@pytest.fixture
def github() -> Iterator[tuple[FakeGitHub, str]]:
    state = FakeGitHub(pulls={(REPOSITORY, 7): pull()}, tokens={WRITE: "reviewer", READ: "reader"})
    with LoopbackServer(create_fake(state)).running() as url:
        yield state, url


@pytest.fixture
def world(github, tmp_path, monkeypatch) -> Iterator[World]:
    state, api = github
    monkeypatch.setenv("GITHUB_TOKEN", WRITE)
    with PosterProcess(api, take_token(os.environ)) as poster:
        deliveries, reviewer = Deliveries(tmp_path / "deliveries.db"), SqlReviewer()
        service = ReviewService(GitHubReader(api, READ), reviewer, poster, deliveries)
        with LoopbackServer(create_app(SECRET, service.work, deliveries=deliveries)).running() as hook:
            yield World(state, api, hook, poster, reviewer)


def test_a_planted_sql_injection_is_requested_to_change_on_its_line(world):
    assert world.deliver("d-1").status_code == 202
    assert world.settled(1)["failed"] == 0
    [review] = world.github.reviews
    assert (review["event"], review["commit_id"], review["user"]["login"]) == ("REQUEST_CHANGES", HEAD, "reviewer")
    [comment] = review["comments"]
    line = AFTER.splitlines().index(next(one for one in AFTER.splitlines() if 'f"SELECT' in one)) + 1
    assert (comment["path"], comment["line"], comment["side"]) == ("shop/orders.py", line, "RIGHT")
    assert comment["body"].startswith("**Critical:**")
    assert "@" not in comment["body"]
    assert world.github.refused == []


def test_the_reviewer_gets_the_whole_texts_before_and_after_and_a_snapshot(world):
    world.deliver("d-1")
    world.settled(1)
    [change] = world.reviewer.changes
    [file] = change.files
    assert (file.before, file.after) == (BEFORE, AFTER)
    assert (file.language, change.number, change.head) == ("python", 7, HEAD)
    assert change.problems == ()
    assert change.snapshot.paths() == ["shop/orders.py"]
    assert change.snapshot.grep("orders_of", ["shop/orders.py"]) == ["shop/orders.py"]


def test_a_replayed_delivery_posts_nothing_and_a_wrong_signature_is_refused(world):
    world.deliver("d-1")
    world.settled(1)
    for delivery in ("d-1", "d-2"):
        replayed = world.deliver(delivery)
        assert (replayed.status_code, replayed.json()["message"]) == (202, "already seen")
    wrong = world.deliver("d-3", secret="another")
    assert (wrong.status_code, len(world.github.reviews)) == (401, 1)


def test_a_second_push_that_keeps_the_fault_says_nothing_again_and_one_that_mends_it_says_so(world):
    world.deliver("d-1")
    world.settled(1)
    world.github.pulls[REPOSITORY, 7] = pull("# moved\n" + AFTER, head="b" * 40)
    world.deliver("d-2", head="b" * 40, action="synchronize")
    world.settled(2)
    assert len(world.github.reviews) == 1
    world.github.pulls[REPOSITORY, 7] = pull("# moved\n" + BEFORE, head="c" * 40)
    world.deliver("d-3", head="c" * 40, action="synchronize")
    assert world.settled(3)["failed"] == 0
    assert [one["event"] for one in world.github.reviews] == ["REQUEST_CHANGES", "COMMENT"]
    assert "nothing to say about this change" in world.github.reviews[1]["body"]


def test_a_delivery_for_an_older_head_posts_nothing(world):
    world.deliver("d-1", head="d" * 40)
    assert world.settled(1)["done"] == 1
    assert world.github.reviews == []


def test_a_refused_comment_is_in_the_posted_body(world):
    payload = {
        "commit_id": HEAD, "event": "COMMENT", "body": "Summary.",
        "comments": [{"path": "shop/orders.py", "line": n, "side": "RIGHT", "body": f"Line {n}."} for n in (5, 900)],
    }  # fmt: skip
    posted = world.poster.post(REPOSITORY, 7, payload)
    assert (posted.comments, posted.refused) == (1, (("shop/orders.py", 900),))
    assert "`shop/orders.py` line 900: Line 900." in world.github.reviews[0]["body"]


def test_the_poster_refuses_what_the_reviewing_side_should_never_send(world):
    for body in ("see @team", "[x](http://evil.example)", "a\u202eb"):
        payload = {"commit_id": HEAD, "event": "COMMENT", "body": body, "comments": []}
        with pytest.raises(ReviewError, match="not a review that may be posted"):
            world.poster.post(REPOSITORY, 7, payload)
    with pytest.raises(ReviewError, match="event"):
        world.poster.post(REPOSITORY, 7, {"commit_id": HEAD, "event": "APPROVE", "body": "Fine.", "comments": []})
    assert world.github.reviews == []


def test_a_review_made_although_the_answer_was_a_fault_is_not_made_twice(world):
    world.github.script, world.github.make_then_fail = [502], True
    world.deliver("d-1")
    assert world.settled(1)["failed"] == 0
    assert len(world.github.reviews) == 1


def test_an_ended_poster_is_an_error_not_a_silence(world):
    os.kill(world.poster.pid, signal.SIGKILL)
    payload = {"commit_id": HEAD, "event": "COMMENT", "body": "Summary.", "comments": []}
    with pytest.raises(ReviewError, match="poster has ended"):
        world.poster.post(REPOSITORY, 7, payload)


def test_two_hundred_reviews_through_the_poster_process_and_none_is_refused(world):
    dice = random.Random(7)
    comments = 0
    for number in range(1, 201):
        before, after = random_change(dice)
        world.github.pulls[REPOSITORY, number] = FakePull(diff_of_trees(before, after), HEAD, after=after)
        review = random_review(dice, change_of(before, after))
        posted = world.poster.post(REPOSITORY, number, github_payload(review))
        assert (posted.comments, posted.refused) == (len(review.comments), ())
        comments += posted.comments
    assert (len(world.github.reviews), world.github.refused) == (200, [])
    assert comments > 600


def environment_of(pid: int) -> str:
    return Path(f"/proc/{pid}/environ").read_bytes().decode()


def children_of(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_only_the_poster_process_has_the_token(world):
    world.deliver("d-1")
    world.settled(1)
    [seen] = world.reviewer.environments
    assert WRITE not in seen.values()
    assert "GITHUB_TOKEN" not in seen


@pytest.fixture
def served(github, tmp_path) -> Iterator[tuple[FakeGitHub, str, int]]:
    """`workbook review-serve` as a user starts it: (state of the fake, address, process id)."""
    state, api = github
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "GITHUB_API_URL": api, "GITHUB_TOKEN": WRITE,
        "REVIEW_READ_TOKEN": READ, "REVIEW_WEBHOOK_SECRET": SECRET,
    }  # fmt: skip
    command = [sys.executable, "-m", "workbook.cli", "review-serve", "--deliveries", str(tmp_path / "d.db")]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first.startswith("Webhook: http://127.0.0.1:"), first
        url = first.split()[1].removesuffix("/webhook")
        for _ in range(200):
            try:
                httpx.get(f"{url}/health", timeout=5)
                break
            except httpx.TransportError:
                time.sleep(0.05)
        yield state, url, process.pid
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_served_process_has_no_trace_of_the_token_and_its_poster_has_it(served):
    _, url, pid = served
    [poster] = children_of(pid)
    assert WRITE not in environment_of(pid)
    if os.geteuid() == 0:  # another user may not look: the poster is not dumpable
        assert WRITE in environment_of(poster)
    else:
        with pytest.raises(PermissionError):
            environment_of(poster)
    assert httpx.get(f"{url}/health", timeout=10).json()["status"] == "ok"
    assert deliver(url, "d-1", head=HEAD, secret="another").status_code == 401


def test_the_served_reviewer_finds_the_planted_injection(served):
    pytest.importorskip("reference.agents.orchestrator")
    state, url, _ = served
    assert deliver(url, "d-1", head=HEAD).status_code == 202
    assert settled(url, 1)["failed"] == 0
    [review] = state.reviews
    assert review["event"] == "REQUEST_CHANGES"
    lines = AFTER.splitlines()
    fault = next(n for n, text in enumerate(lines, 1) if 'f"SELECT' in text)
    assert any(abs(one["line"] - fault) <= 1 for one in review["comments"])
    assert state.refused == []
