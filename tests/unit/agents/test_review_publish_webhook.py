"""The webhook takes only what GitHub signed, each delivery once, and lets a newer push replace an older one."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from reference.agents.github.client import GitHubReader, RemoteSnapshot
from reference.agents.github.deliveries import TTL, Deliveries
from reference.agents.github.diff_lines import lines_of
from reference.agents.github.jobs import Job, Jobs
from reference.agents.github.service import without_said
from reference.agents.github.webhook import create_app, is_signed, signature_of
from reference.agents.publish.text import comment_body
from reference.agents.types import Agent, Change, Comment, Finding, Plan, Review, ReviewError, Severity

SECRET = "It's a Secret to Everybody"
HEAD = "a" * 40


def test_the_signature_is_that_of_githubs_documentation():
    expected = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert signature_of(SECRET, b"Hello, World!") == expected
    assert is_signed(SECRET, b"Hello, World!", expected)
    for wrong in (expected[:-1], expected.upper(), "sha1=x", "", "ü", expected + " "):
        assert not is_signed(SECRET, b"Hello, World!", wrong)
    assert not is_signed(SECRET, b"Hello, World?", expected)


@pytest.mark.parametrize("secret", ["", "  "])
def test_without_a_secret_it_does_not_start(secret):
    with pytest.raises(ReviewError, match="REVIEW_WEBHOOK_SECRET"):
        create_app(secret, lambda job: asyncio.sleep(0))


def payload(action: str = "opened", **pull: Any) -> dict[str, Any]:
    made = {"number": 7, "draft": False, "head": {"sha": HEAD}} | pull
    return {"action": action, "repository": {"full_name": "acme/shop"}, "pull_request": made}


class Hook:
    """The app in this process; `jobs` is what was worked on."""

    def __init__(self, **options: Any) -> None:
        self.jobs: list[Job] = []
        self.fail = False
        self.app = create_app(SECRET, self.work, **options)

    async def work(self, job: Job) -> None:
        self.jobs.append(job)
        if self.fail:
            raise ReviewError("GitHub is away")

    async def __aenter__(self) -> Hook:
        self._life = self.app.router.lifespan_context(self.app)
        await self._life.__aenter__()
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://hook.test")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()
        await self._life.__aexit__(None, None, None)

    async def send(self, body: Any, delivery: str = "d-1", **headers: str) -> httpx.Response:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {
            "x-hub-signature-256": signature_of(SECRET, raw), "x-github-event": "pull_request",
            "x-github-delivery": delivery, "content-type": "application/json",
        }  # fmt: skip
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self.http.post("/webhook", content=raw, headers=sent)
        for _ in range(5):
            await asyncio.sleep(0)
        return answer


async def test_a_signed_delivery_is_queued_once():
    async with Hook() as hook:
        first = await hook.send(payload())
        again = await hook.send(payload())
        assert (first.status_code, first.json()["message"]) == (202, "review of acme/shop#7 is queued")
        assert (again.status_code, again.json()["message"]) == (202, "already seen")
        assert [(job.key, job.head) for job in hook.jobs] == [(("acme/shop", 7), HEAD)]


async def test_a_replay_under_another_id_is_seen_by_its_body():
    async with Hook() as hook:
        await hook.send(payload())
        assert (await hook.send(payload(), delivery="d-2")).json()["message"] == "already seen"
        assert len(hook.jobs) == 1


async def test_a_delivery_whose_review_failed_may_come_again():
    async with Hook() as hook:
        hook.fail = True
        await hook.send(payload())
        hook.fail = False
        assert "queued" in (await hook.send(payload())).json()["message"]
        health = (await hook.http.get("/health")).json()
        assert health == {"status": "ok", "waiting": 0, "running": 0, "done": 1, "failed": 1, "replaced": 0}


@pytest.mark.parametrize(
    ("body", "headers", "status", "said"),
    [
        (payload(), {"x_hub_signature_256": ""}, 401, "is missing"),
        (payload(), {"x_hub_signature_256": "sha256=" + "0" * 64}, 401, "does not fit"),
        (payload(), {"x_github_event": ""}, 400, "X-GitHub-Event"),
        (payload(), {"delivery": "a b"}, 400, "X-GitHub-Delivery"),
        (payload(), {"x_github_event": "ping"}, 200, "pong"),
        (payload(), {"x_github_event": "push"}, 202, "nothing to do"),
        (payload(), {"content_type": "application/x-www-form-urlencoded"}, 415, "application/json"),
        (b"{", {}, 400, "not JSON"),
        ([], {}, 422, "object"),
        ({"action": "opened"}, {}, 422, "field pull_request"),
        (payload(head={"sha": "main"}), {}, 422, "head.sha"),
        (payload(head=None), {}, 422, "head.sha"),
        (payload(number=True), {}, 422, "number"),
        (payload() | {"repository": {"full_name": "a/../b"}}, {}, 422, "owner/name"),
        (payload("labeled"), {}, 202, "changes no code"),
        (payload("closed"), {}, 202, "changes no code"),
        (payload(draft=True), {}, 202, "draft"),
        (b"x" * 5000, {}, 413, "at most 4000 bytes"),
    ],
)
async def test_what_is_not_for_a_review_is_answered_clearly_and_starts_none(body, headers, status, said):
    async with Hook(body_limit=4000) as hook:
        answer = await hook.send(body, **headers)
        told = answer.json()["error"]["message"] if status >= 400 else answer.json()["message"]
        assert (answer.status_code, said in told) == (status, True), answer.text
        assert hook.jobs == []


@pytest.mark.parametrize("action", ["synchronize", "reopened", "ready_for_review"])
async def test_the_other_actions_that_bring_code_are_reviewed(action):
    async with Hook() as hook:
        await hook.send(payload(action))
        assert len(hook.jobs) == 1


async def test_a_body_without_a_length_is_cut_off_at_the_limit():
    async with Hook(body_limit=4000) as hook:

        async def chunks():
            for _ in range(100):
                yield b"x" * 1000

        answer = await hook.http.post("/webhook", content=chunks())
        assert answer.status_code == 413


def job(number: int = 7, head: str = HEAD) -> Job:
    return Job("acme/shop", number, head, f"d-{head[:3]}", b"")


async def settled(jobs: Jobs) -> None:
    for _ in range(100):
        await asyncio.sleep(0)
    assert (jobs.running, jobs.waiting) == (0, 0)


async def test_a_newer_push_stops_the_older_review_and_replaces_a_waiting_one():
    began, ended = [], []
    gate = asyncio.Event()

    async def work(one: Job) -> None:
        began.append(one.head)
        await gate.wait()
        ended.append(one.head)

    jobs = Jobs(work)
    jobs.start()
    for head in ("old", "mid", "new"):
        assert jobs.submit(job(head=head))
        for _ in range(3 if head == "old" else 0):
            await asyncio.sleep(0)
    assert began == ["old"]
    gate.set()
    await settled(jobs)
    await jobs.stop()
    assert (began, ended) == (["old", "new"], ["new"])
    assert (jobs.counts.done, jobs.counts.failed, jobs.counts.replaced) == (1, 0, 3)


async def test_a_full_queue_refuses_and_a_fault_does_not_end_the_worker():
    gate = asyncio.Event()
    done, failed = [], []

    async def work(one: Job) -> None:
        await gate.wait()
        if one.number == 1:
            raise ValueError("fault")
        done.append(one.number)

    jobs = Jobs(work, waiting=1, failed=lambda one: failed.append(one.number))
    jobs.start()
    assert jobs.submit(job(1))
    await asyncio.sleep(0.01)
    assert jobs.submit(job(2))
    assert not jobs.submit(job(3))
    gate.set()
    await settled(jobs)
    await jobs.stop()
    assert (done, failed) == ([2], [1])


def test_deliveries_outlive_a_restart_and_expire(tmp_path):
    now = [1000.0]
    first = Deliveries(tmp_path / "d.db", clock=lambda: now[0])
    assert first.first("a", b"1")
    first.close()
    second = Deliveries(tmp_path / "d.db", clock=lambda: now[0])
    assert not second.first("a", b"2")
    now[0] += TTL + 1
    assert second.first("a", b"1")
    second.note("r", 1, {"f": "quality/x"}, "COMMENT")
    assert second.rules_of("f") == [("r", "quality/x")]
    assert second.rules_of("g") == []
    assert second.said("r", 1) == (frozenset({"f"}), "COMMENT")
    assert second.said("r", 2) == (frozenset(), "")
    (tmp_path / "text").write_text("no database" * 100)
    with pytest.raises(ReviewError, match="remove it or name another"):
        Deliveries(tmp_path / "text")


def test_what_was_said_before_is_not_said_again_and_the_event_stays():
    def one(claim: str, severity: Severity) -> Finding:
        return Finding(Agent.QUALITY, "quality/proposed", severity, "a.py", 1, 1, {"claim": claim}, evidence=claim)

    old, new = one("old", Severity.CRITICAL), one("new", Severity.WARNING)
    both = Comment("a.py", 1, comment_body([old, new]), Severity.CRITICAL, (old, new))
    alone = replace(both, findings=(old,), body=comment_body([old]))
    review = Review(Change("r", "b", "h", ()), Plan(()), (), (both, alone), "REQUEST_CHANGES")
    fresh = without_said(review, frozenset({old.fingerprint}))
    assert [one.findings for one in fresh.comments] == [(new,)]
    assert fresh.comments[0].severity is Severity.WARNING
    assert fresh.comments[0].body == comment_body([new])
    assert (fresh.event, fresh.left_out["said before"]) == ("REQUEST_CHANGES", (old, old))
    assert without_said(review, frozenset()) is review


def reader(answers: dict[str, Any], token: str = "tok") -> tuple[GitHubReader, list[httpx.Request]]:
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        found = answers.get(request.url.path, 404)
        return httpx.Response(found) if isinstance(found, int) else httpx.Response(200, json=found)

    return GitHubReader("http://api.example", token, transport=httpx.MockTransport(handle)), seen


@pytest.mark.parametrize(
    ("status", "said"),
    [(401, "GITHUB_TOKEN"), (403, "contents:read"), (404, "not there"), (406, "--base and --head"), (500, "later")],
)
def test_a_refused_read_says_what_to_do_and_never_the_token(status, said):
    made, _ = reader({"/repos/acme/shop/pulls/7": status}, token="tok-secret")
    with pytest.raises(ReviewError) as problem:
        made.pull("acme/shop", 7)
    assert said in str(problem.value)
    assert "tok-secret" not in f"{problem.value} {made!r}"


def test_a_name_that_is_no_repository_reaches_no_address():
    made, seen = reader({})
    for name in ("a/b/c", "../x", "a/b?x=1", "a"):
        with pytest.raises(ReviewError, match="owner/name"):
            made.pull(name, 7)
    assert seen == []


def test_a_snapshot_reads_each_text_once_and_nothing_but_text():
    def content(data: bytes, **more: Any) -> dict[str, Any]:
        return {"type": "file", "encoding": "base64", "content": base64.encodebytes(data).decode()} | more

    made, seen = reader(
        {
            "/repos/acme/shop/contents/a b.py": content("é name".encode()),
            "/repos/acme/shop/contents/bin": content(b"\0\1"),
            "/repos/acme/shop/contents/latin": content(b"\xe9"),
            "/repos/acme/shop/contents/link": content(b"x", type="symlink"),
            "/repos/acme/shop/contents/big": content(b"", encoding="none"),
        }
    )
    snapshot = RemoteSnapshot(made, "acme/shop", HEAD)
    assert [snapshot.read("a b.py") for _ in range(3)] == ["é name"] * 3
    assert len(seen) == 1
    assert seen[0].url.params["ref"] == HEAD
    assert [snapshot.read(path) for path in ("bin", "latin", "link", "big", "none")] == [None] * 5
    assert snapshot.grep("name", ["a b.py", "bin"]) == ["a b.py"]
    assert snapshot.grep("nam", ["a b.py"]) == []


def test_lines_of_a_diff_count_both_sides_and_are_not_misled_by_what_looks_like_a_header():
    diff = (
        'diff --git "a/caf\\303\\251.py" "b/caf\\303\\251.py"\n--- "a/caf\\303\\251.py"\n+++ "b/caf\\303\\251.py"\n'
        "@@ -1,3 +1,4 @@ def f\n a\n--- gone\n+++ more\n+@@ -9 +9 @@\n b\n\\ No newline at end of file\n"
        "--- a/old.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"
    )
    assert lines_of(diff) == {
        ("café.py", "LEFT"): [frozenset({1, 2, 3})],
        ("café.py", "RIGHT"): [frozenset({1, 2, 3, 4})],
        ("old.py", "LEFT"): [frozenset({1})],
        ("old.py", "RIGHT"): [frozenset()],
    }
