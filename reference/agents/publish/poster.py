"""The only process that may write to GitHub: it has the token, and never sees the change.

Started as a file (`python -I .../poster.py`), so that it imports nothing of this project: what it checks, it checks
with code of its own. It reads one JSON object a line from standard input and answers each with one line; it posts to
the one API address it was started with, reviews only, and there is no approval in its schema. Text with a link, a
mention, HTML or an unseen character outside or inside a code span is refused before anything is sent.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import sys
import time
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

TOKEN = "REVIEW_POSTER_TOKEN"
LINE_LIMIT = 1 << 20  # bytes of one request
TRIES = 4
LONGEST_WAIT = 60.0

_SPAN = re.compile(r"`[^`\n]+`")
_OUTSIDE = re.compile(
    r"[<>\[\]\\`~|]|&\w*;|&#|mailto:|\bGH-\d|\b[0-9a-f]{7,40}\b|^\s*/|^ {4}|^\s*#", re.IGNORECASE | re.MULTILINE
)
_ANYWHERE = re.compile(r"@|://|www\.|#\d", re.IGNORECASE)


def fault_of(text: str) -> str:
    """Why `text` may not be posted; empty if it may."""
    for character in text:
        if character != "\n" and unicodedata.category(character)[0] == "C":
            return f"the character U+{ord(character):04X} cannot be seen"
    if found := _ANYWHERE.search(text):
        return f"{found[0]!r} could become a link or a mention"
    if found := _OUTSIDE.search(_SPAN.sub("·", text)):
        return f"{found[0]!r} outside a code span could become a link, HTML or a command"
    return ""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PostedComment(_Strict):
    path: str = Field(min_length=1, max_length=1024)
    line: int = Field(ge=1, le=10_000_000)
    side: Literal["LEFT", "RIGHT"]
    start_line: int | None = Field(default=None, ge=1, le=10_000_000)
    start_side: Literal["LEFT", "RIGHT"] | None = None
    body: str = Field(min_length=1, max_length=1600)

    @field_validator("path")
    @classmethod
    def _relative(cls, path: str) -> str:
        if path.startswith("/") or ".." in path.split("/") or any(unicodedata.category(c)[0] == "C" for c in path):
            raise ValueError("not a relative path of visible characters")
        return path

    @field_validator("body")
    @classmethod
    def _harmless(cls, body: str) -> str:
        return _checked(body)

    @model_validator(mode="after")
    def _ordered(self) -> PostedComment:
        if (self.start_line is None) != (self.start_side is None):
            raise ValueError("start_line and start_side come together")
        if self.start_line is not None and (self.start_line >= self.line or self.start_side != self.side):
            raise ValueError("start_line must be above line, on the same side")
        return self


class PostedReview(_Strict):
    commit_id: str = Field(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")
    event: Literal["REQUEST_CHANGES", "COMMENT"]
    body: str = Field(min_length=1, max_length=16_000)
    comments: tuple[PostedComment, ...] = Field(default=(), max_length=50)

    @field_validator("body")
    @classmethod
    def _harmless(cls, body: str) -> str:
        return _checked(body)


class PostRequest(_Strict):
    repository: str = Field(pattern=r"^[A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100}$")
    number: int = Field(ge=1, le=1_000_000_000)
    review: PostedReview


def _checked(text: str) -> str:
    if fault := fault_of(text):
        raise ValueError(fault)
    return text


class Poster:
    """Posts one checked review after another. `sleep` is for tests."""

    def __init__(self, api: str, token: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep
        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        headers["Authorization"] = f"Bearer {token}"
        # No proxy settings or .netrc of the surroundings, and no redirect: the token goes to one address.
        self._http = httpx.Client(base_url=api, headers=headers, timeout=30, follow_redirects=False, trust_env=False)

    def answer(self, line: bytes) -> dict[str, Any]:
        """{"posted": bool, "refused": [...], "event", "id", "error"}: never an exception, never the token."""
        if len(line) > LINE_LIMIT:
            return _failed(f"the request has more than {LINE_LIMIT} bytes")
        try:
            request = PostRequest.model_validate_json(line)
        except ValidationError as problem:
            where = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in problem.errors()[:3])
            return _failed(f"not a review that may be posted: {where}")
        try:
            return self._post(request)
        except httpx.HTTPError as problem:
            return _failed(f"GitHub cannot be reached: {type(problem).__name__}")

    def _post(self, request: PostRequest) -> dict[str, Any]:
        review = request.review.model_dump(exclude_none=True)
        review["comments"] = [dict(one) for one in review["comments"]]
        refused: list[dict[str, Any]] = []
        url = f"/repos/{request.repository}/pulls/{request.number}/reviews"
        answer = self._send(url, review)
        if answer.status_code == 422 and "own pull request" in answer.text:
            review["event"] = "COMMENT"  # GitHub lets nobody request changes of oneself
            answer = self._send(url, review)
        for _ in range(2):  # first without the comments that GitHub names, then without any
            if answer.status_code != 422 or not review["comments"]:
                break
            named = _named(answer, len(review["comments"])) if not refused else None
            out = named or set(range(len(review["comments"])))
            refused += [one for at, one in enumerate(review["comments"]) if at in out]
            review["comments"] = [one for at, one in enumerate(review["comments"]) if at not in out]
            answer = self._send(url, review | {"body": request.review.body + _appendix(refused)})
        if answer.status_code not in (200, 201):
            return _failed(f"GitHub answered {answer.status_code}: {_message(answer)}")
        listed = [{"path": one["path"], "line": one["line"]} for one in refused]
        return {
            "posted": True,
            "id": int(answer.json().get("id", 0)),
            "event": review["event"],
            "comments": len(review["comments"]),
            "refused": listed,
            "error": "",
        }

    def _send(self, url: str, review: Mapping[str, Any]) -> httpx.Response:
        """With retries. After an answer that leaves open whether the review was made, looks before it posts again."""
        for attempt in range(1, TRIES + 1):
            response: httpx.Response | None = None
            try:
                response = self._http.post(url, json=review)
                if response.status_code < 500 and not _limited(response):
                    return response
            except httpx.TransportError:
                if attempt == TRIES:
                    raise
            if response is not None and attempt == TRIES:
                return response
            self._sleep(_wait(response, attempt))
            if (response is None or response.status_code >= 500) and (made := self._made(url, review)):
                return made
        raise AssertionError("the last try returns or raises")

    def _made(self, url: str, review: Mapping[str, Any]) -> httpx.Response | None:
        """The review if an earlier try has made it after all."""
        try:
            found = self._http.get(url, params={"per_page": 100})
            rows = found.json() if found.status_code == 200 else []
        except (httpx.HTTPError, ValueError):
            return None
        for row in rows if isinstance(rows, list) else []:
            same = row.get("commit_id") == review["commit_id"] and _digest(row.get("body")) == _digest(review["body"])
            if same:
                return httpx.Response(200, json=row)
        return None


def _digest(text: object) -> str:
    return hashlib.sha256(str(text).strip().replace("\r\n", "\n").encode("utf-8", "replace")).hexdigest()


def _limited(response: httpx.Response) -> bool:
    if response.status_code == 429:
        return True
    spent = response.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in response.headers
    return response.status_code == 403 and spent


def _wait(response: httpx.Response | None, attempt: int) -> float:
    """Seconds: Retry-After if given, else 1, 2, 4; at most a minute."""
    if response is not None and (given := response.headers.get("retry-after", "")).isdigit():
        return min(float(given), LONGEST_WAIT)
    return float(min(2 ** (attempt - 1), LONGEST_WAIT))


def _named(answer: httpx.Response, count: int) -> set[int] | None:
    """Indexes of comments that a 422 names, such as "comments[2].line"; None if it names none."""
    found = {int(n) for n in re.findall(r"comments\[(\d{1,3})\]", answer.text)}
    return {n for n in found if n < count} or None


def _message(answer: httpx.Response) -> str:
    try:
        body = answer.json()
    except ValueError:
        return "no message"
    return str(body.get("message", "no message"))[:200] if isinstance(body, dict) else "no message"


def _appendix(refused: list[dict[str, Any]]) -> str:
    rows = []
    for one in refused:
        path = re.sub(r"[`@]|://|www\.|#(?=\d)", "?", one["path"], flags=re.IGNORECASE)
        rows.append(f"- `{path[-160:]}` line {one['line']}: {one['body'].splitlines()[0]}")
    return "\n\nGitHub refused these inline comments, so they stand here:\n\n" + "\n".join(rows)


def _failed(error: str) -> dict[str, Any]:
    return {"posted": False, "id": 0, "event": "", "comments": 0, "refused": [], "error": error}


def _hide_environment() -> None:
    """PR_SET_DUMPABLE 0: other processes of the same user cannot read this one's memory or /proc environment."""
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None, use_errno=True).prctl(4, 0, 0, 0, 0)


def main(arguments: list[str] | None = None) -> int:
    """Serves standard input until it ends. Exit code 2: no token."""
    parser = argparse.ArgumentParser(description="Post checked reviews; the token is read from " + TOKEN)
    parser.add_argument("--api", required=True, help="address of the GitHub API")
    given = parser.parse_args(arguments)
    _hide_environment()
    file = os.environ.get(f"{TOKEN}_FILE")
    token = os.environ.get(TOKEN) or (Path(file).read_text(encoding="utf-8").strip() if file else "")
    if not token or not token.isprintable() or " " in token:
        print(f"no token: set {TOKEN}, or {TOKEN}_FILE to a file that holds it", file=sys.stderr)
        return 2
    poster = Poster(given.api, token)
    while line := sys.stdin.buffer.readline(LINE_LIMIT + 2):
        print(json.dumps(poster.answer(line)), flush=True)
        if not line.endswith(b"\n"):
            break  # over the limit or the end: what follows cannot be read as a request
    return 0


if __name__ == "__main__":
    sys.exit(main())
