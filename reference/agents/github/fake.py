"""A GitHub to test against: pull requests in memory, and the refusals that a wrong review meets.

Payloads are checked against GitHub's OpenAPI description first and then for what a schema cannot say: that a comment's
lines are in the diff. Serves any token in `tokens`; others get 401.
"""

# No postponed annotations: FastAPI reads those of the routes, whose types are imported inside `create_fake`.

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .diff_lines import lines_of
from .openapi import faults

if TYPE_CHECKING:
    from fastapi import FastAPI


@dataclass
class FakePull:
    """One pull request. `after` is the whole tree at `head`, path -> text."""

    diff: str
    head: str
    base: str = "b" * 40
    after: Mapping[str, str] = field(default_factory=dict)
    title: str = "A change"
    body: str = ""
    author: str = "author"
    draft: bool = False


@dataclass
class FakeGitHub:
    """State of the fake. `script`: statuses to answer the next review posts with instead, first one first."""

    pulls: dict[tuple[str, int], FakePull] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)  # token -> login
    reviews: list[dict[str, Any]] = field(default_factory=list)
    checks: list[dict[str, Any]] = field(default_factory=list)
    refused: list[tuple[str, list[str]]] = field(default_factory=list)
    script: list[int] = field(default_factory=list)
    make_then_fail: bool = False  # the scripted failure comes after the review was made
    names_refused: bool = True  # whether a 422 says which comment

    def check_review(self, repository: str, number: int, review: Any) -> list[str]:
        """Why GitHub would answer 422; empty if it would take the review."""
        wrong = faults("pulls/create-review", review)
        if wrong:
            return wrong
        pull = self.pulls[repository, number]
        if not str(review.get("body", "")).strip() and review.get("event") in ("REQUEST_CHANGES", "COMMENT"):
            wrong.append(f"body: needed for the event {review['event']}")
        if review.get("commit_id", pull.head) != pull.head:
            wrong.append("commit_id: is not the head of the pull request")
        lines = lines_of(pull.diff)
        for at, comment in enumerate(review.get("comments", ())):
            if fault := _comment_fault(comment, lines):
                wrong.append(f"{f'comments[{at}].' if self.names_refused else ''}{fault}")
        return wrong


def _comment_fault(comment: Mapping[str, Any], lines: Mapping[tuple[str, str], list[frozenset[int]]]) -> str:
    side = comment.get("side", "RIGHT")
    if side not in ("LEFT", "RIGHT"):
        return "side: is not LEFT or RIGHT"
    if not any(path == comment["path"] for path, _ in lines):
        return "path: Path could not be resolved"
    if not comment["body"].strip():
        return "body: is empty"
    line, start = comment.get("line"), comment.get("start_line")
    hunks = lines.get((comment["path"], side), [])
    hunk = next((one for one in hunks if line in one), None)
    if hunk is None:
        return "line: Line could not be resolved"
    if start is not None:
        if start >= line:
            return "start_line: must precede the end line"
        if comment.get("start_side", side) == side and start not in hunk:
            return "start_line: must be part of the same hunk as the line"
    return ""


def create_fake(state: FakeGitHub) -> "FastAPI":
    """The fake as an app; `state` is read and written while it runs."""
    from fastapi import FastAPI, HTTPException, Request
    from fastapi.responses import JSONResponse, PlainTextResponse, Response

    app = FastAPI(title="Fake GitHub", docs_url=None, redoc_url=None, openapi_url=None)

    def login(request: Request) -> str:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in state.tokens:
            raise HTTPException(401, "Bad credentials")
        return state.tokens[token]

    def pull_of(owner: str, repo: str, number: int) -> FakePull:
        try:
            return state.pulls[f"{owner}/{repo}", number]
        except KeyError:
            raise HTTPException(404, "Not Found") from None

    @app.exception_handler(HTTPException)
    def _shaped(_: Request, problem: HTTPException) -> JSONResponse:
        return JSONResponse({"message": problem.detail, "status": str(problem.status_code)}, problem.status_code)

    @app.get("/repos/{owner}/{repo}/pulls/{number}")
    def _pull(owner: str, repo: str, number: int, request: Request) -> Response:
        login(request)
        pull = pull_of(owner, repo, number)
        if request.headers.get("accept") == "application/vnd.github.v3.diff":
            return PlainTextResponse(pull.diff)
        return JSONResponse(
            {
                "number": number,
                "title": pull.title,
                "body": pull.body,
                "draft": pull.draft,
                "user": {"login": pull.author},
                "head": {"sha": pull.head},
                "base": {"sha": pull.base, "repo": {"full_name": f"{owner}/{repo}"}},
            }
        )

    @app.get("/repos/{owner}/{repo}/git/trees/{sha}")
    def _tree(owner: str, repo: str, sha: str, request: Request) -> dict[str, Any]:
        login(request)
        pull = _at(state, f"{owner}/{repo}", sha)
        rows = [
            {"path": path, "type": "blob", "mode": "100644", "size": len(text.encode())}
            for path, text in sorted(pull.after.items() if pull else ())
        ]
        return {"sha": sha, "tree": rows, "truncated": False}

    @app.get("/repos/{owner}/{repo}/contents/{path:path}")
    def _contents(owner: str, repo: str, path: str, request: Request, ref: str = "") -> dict[str, Any]:
        login(request)
        pull = _at(state, f"{owner}/{repo}", ref)
        if pull is None or path not in pull.after:
            raise HTTPException(404, "Not Found")
        data = pull.after[path].encode()
        content = base64.encodebytes(data).decode()
        return {"type": "file", "path": path, "size": len(data), "encoding": "base64", "content": content}

    @app.get("/repos/{owner}/{repo}/pulls/{number}/reviews")
    def _reviews(owner: str, repo: str, number: int, request: Request) -> list[dict[str, Any]]:
        login(request)
        pull_of(owner, repo, number)
        return [one for one in state.reviews if (one["repository"], one["number"]) == (f"{owner}/{repo}", number)]

    @app.post("/repos/{owner}/{repo}/pulls/{number}/reviews")
    async def _review(owner: str, repo: str, number: int, request: Request) -> Response:
        who = login(request)
        pull = pull_of(owner, repo, number)
        scripted = state.script.pop(0) if state.script else 0
        if scripted and not state.make_then_fail:
            headers = {"retry-after": "7"} if scripted in (403, 429) else {}
            return JSONResponse({"message": "scripted"}, scripted, headers)
        review = await _json(request)
        if review is None:
            return JSONResponse({"message": "Problems parsing JSON"}, 400)
        wrong = state.check_review(f"{owner}/{repo}", number, review)
        if not wrong and review.get("event") == "REQUEST_CHANGES" and who == pull.author:
            wrong = ["Can not request changes on your own pull request"]
        if wrong:
            state.refused.append((f"{owner}/{repo}#{number}", wrong))
            return JSONResponse({"message": "Unprocessable Entity", "errors": wrong, "status": "422"}, 422)
        state_word = {"REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED", "APPROVE": "APPROVED"}
        made = {
            **review,
            "id": len(state.reviews) + 1,
            "repository": f"{owner}/{repo}",
            "number": number,
            "user": {"login": who},
            "state": state_word.get(review.get("event"), "PENDING"),
        }
        state.reviews.append(made)
        return JSONResponse({"message": "scripted"}, scripted) if scripted else JSONResponse(made, 200)

    @app.post("/repos/{owner}/{repo}/check-runs")
    async def _check(owner: str, repo: str, request: Request) -> Response:
        login(request)
        check = await _json(request)
        wrong = ["not JSON"] if check is None else faults("checks/create", check)
        if check is not None and len(check.get("output", {}).get("annotations", ())) > 50:
            wrong.append("output/annotations: at most 50 in one request")
        if wrong:
            return JSONResponse({"message": "Validation Failed", "errors": wrong, "status": "422"}, 422)
        state.checks.append({**(check or {}), "repository": f"{owner}/{repo}"})
        return JSONResponse({"id": len(state.checks)}, 201)

    return app


async def _json(request: Any) -> Any:
    try:
        body = json.loads(await request.body())
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _at(state: FakeGitHub, repository: str, sha: str) -> FakePull | None:
    found = (pull for (name, _), pull in state.pulls.items() if name == repository and pull.head == sha)
    return next(found, None)
