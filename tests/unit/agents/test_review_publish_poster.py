"""The poster posts only what its own check allows, retries with patience and loses nothing silently."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import httpx
import pytest

from reference.agents.publish import posting
from reference.agents.publish.poster import LINE_LIMIT, Poster, fault_of
from reference.agents.types import ReviewError

HEAD = "a" * 40


def request(**review: Any) -> dict[str, Any]:
    comment = {"path": "a.py", "line": 5, "side": "RIGHT", "body": "**Warning:** Name `x`\n\nWhy."}
    made = {"commit_id": HEAD, "event": "COMMENT", "body": "Summary.", "comments": [comment]}
    return {"repository": "acme/shop", "number": 7, "review": made | review}


class Server:
    """Answers by a script of (status, body, headers) and keeps what it was sent."""

    def __init__(self, *script: Any, listed: Any = ()) -> None:
        self.script, self.listed = list(script), listed
        self.sent: list[dict[str, Any]] = []
        self.waits: list[float] = []
        self.headers: list[httpx.Headers] = []

    def __call__(self, got: httpx.Request) -> httpx.Response:
        self.headers.append(got.headers)
        if got.method == "GET":
            return httpx.Response(200, json=list(self.listed))
        self.sent.append(json.loads(got.content))
        status, body, headers = self.script.pop(0)
        if status == 0:
            raise httpx.ReadTimeout("no answer")
        return httpx.Response(status, json=body, headers=headers)

    def post(self, asked: dict[str, Any]) -> dict[str, Any]:
        poster = Poster("http://api.example", "tok", sleep=self.waits.append)
        poster._http = httpx.Client(
            base_url="http://api.example", transport=httpx.MockTransport(self), headers=poster._http.headers
        )
        return poster.answer(json.dumps(asked).encode())


OK = (200, {"id": 3}, {})


def test_a_sound_review_is_posted_as_it_is():
    server = Server(OK)
    answer = server.post(request())
    assert answer == {"posted": True, "id": 3, "event": "COMMENT", "comments": 1, "refused": [], "error": ""}
    assert server.sent == [request()["review"]]
    assert server.headers[0]["authorization"] == "Bearer tok"


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "see @user", "`@user`", "http://x.example", "`ftp://x.example`", "www.x.example", "a #12", "![i](x)", "[a](b)",
        "<b>", "a&lt;b", "`open", "GH-12", "deadbeef12", "/merge", "ok\n/merge", "a\u202eb", "`a\u200bb`", "a\x00b",
        "- [ ] x", "# head", "    code", "a\\b", "mailto:a", "a | b", "~~x~~",
    ],
)  # fmt: skip
def test_text_that_could_link_mention_or_order_is_refused_before_anything_is_sent(text):
    assert fault_of(text)
    server = Server()
    for asked in (request(body=text), request(comments=[request()["review"]["comments"][0] | {"body": text}])):
        answer = server.post(asked)
        assert (answer["posted"], server.sent) == (False, [])
        assert "not a review that may be posted: review" in answer["error"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"event": "APPROVE"}, {"event": "approve"}, {"commit_id": "main"}, {"commit_id": HEAD + "\n"}, {"body": ""},
        {"body": "x" * 16_001}, {"extra": 1}, {"comments": [{"path": "a.py", "body": "x"}]},
    ],
)  # fmt: skip
def test_a_review_of_another_form_is_refused(wrong):
    server = Server()
    assert server.post(request(**wrong))["posted"] is False
    assert server.sent == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"path": "/etc/passwd"}, {"path": "../x"}, {"path": "a/../x"}, {"path": "a\u202e.py"}, {"line": 0},
        {"side": "BOTH"}, {"start_line": 5, "start_side": "RIGHT"}, {"start_line": 4}, {"body": "x" * 1601},
        {"start_line": 4, "start_side": "LEFT"}, {"position": 3},
    ],
)  # fmt: skip
def test_a_comment_of_another_form_is_refused(wrong):
    server = Server()
    assert server.post(request(comments=[request()["review"]["comments"][0] | wrong]))["posted"] is False
    assert server.sent == []


@pytest.mark.parametrize(
    "wrong",
    [{"repository": "acme"}, {"repository": "a/b/c"}, {"repository": "a/b?x"}, {"repository": "../x"}, {"number": 0}],
)
def test_no_other_address_can_be_reached(wrong):
    server = Server()
    assert server.post(request() | wrong)["posted"] is False
    assert server.sent == []


def test_what_is_not_json_and_what_is_too_long_is_answered_not_raised():
    poster = Poster("http://api.example", "tok")
    assert poster.answer(b"{")["posted"] is False
    assert "more than" in poster.answer(b"x" * (LINE_LIMIT + 1))["error"]


def test_it_waits_as_long_as_it_is_told_and_tries_again():
    server = Server((429, {}, {"retry-after": "7"}), (403, {}, {"retry-after": "9"}), OK)
    assert server.post(request())["posted"] is True
    assert server.waits == [7.0, 9.0]


def test_it_never_waits_longer_than_a_minute_and_gives_up_after_four_tries():
    server = Server(*[(429, {"message": "slow down"}, {"retry-after": "9999"})] * 4)
    answer = server.post(request())
    assert answer["error"] == "GitHub answered 429: slow down"
    assert server.waits == [60.0] * 3


def test_a_refusal_without_a_limit_is_final():
    server = Server((403, {"message": "Resource not accessible by integration"}, {}))
    assert "403: Resource not accessible" in server.post(request())["error"]
    assert server.waits == []


@pytest.mark.parametrize("first", [(502, {}, {}), (0, {}, {})])
def test_after_an_open_answer_it_looks_first_and_does_not_post_twice(first):
    row = {"id": 11, "commit_id": HEAD, "body": "Summary.", "state": "COMMENTED"}
    server = Server(first, listed=[row])
    answer = server.post(request())
    assert (answer["posted"], answer["id"], len(server.sent)) == (True, 11, 1)


def test_after_an_open_answer_that_made_nothing_it_posts_again():
    other = {"id": 11, "commit_id": HEAD, "body": "Another.", "state": "COMMENTED"}
    server = Server((500, {}, {}), OK, listed=[other])
    assert server.post(request())["id"] == 3
    assert len(server.sent) == 2


def test_a_comment_that_github_refuses_moves_into_the_body_and_is_reported():
    one = {"line": 5, "side": "RIGHT"}
    comments = [one | {"path": f"{name}.py", "body": f"**Warning:** Name `{name}`\n\nWhy."} for name in "abc"]
    server = Server((422, {"errors": ["comments[1].line: Line could not be resolved"]}, {}), OK)
    answer = server.post(request(comments=comments))
    assert answer["refused"] == [{"path": "b.py", "line": 5}]
    assert [one["path"] for one in server.sent[1]["comments"]] == ["a.py", "c.py"]
    assert "- `b.py` line 5: **Warning:** Name `b`" in server.sent[1]["body"]
    assert fault_of(server.sent[1]["body"]) == ""


def test_when_github_names_no_comment_the_summary_is_posted_with_all_of_them_listed():
    server = Server((422, {"errors": ["Line could not be resolved"]}, {}), OK)
    answer = server.post(request())
    assert answer["refused"] == [{"path": "a.py", "line": 5}]
    assert server.sent[1]["comments"] == []
    assert "`a.py` line 5" in server.sent[1]["body"]


def test_a_second_refusal_takes_the_rest_out_as_well():
    comments = [{"path": f"{name}.py", "line": 5, "side": "RIGHT", "body": "Why."} for name in "ab"]
    server = Server((422, {"errors": ["comments[0].line"]}, {}), (422, {"errors": ["comments[0].line"]}, {}), OK)
    answer = server.post(request(comments=comments))
    assert [one["path"] for one in answer["refused"]] == ["a.py", "b.py"]


def test_changes_of_oneself_become_a_comment():
    server = Server((422, {"errors": ["Can not request changes on your own pull request"]}, {}), OK)
    answer = server.post(request(event="REQUEST_CHANGES"))
    assert (answer["event"], server.sent[1]["event"], answer["refused"]) == ("COMMENT", "COMMENT", [])


def test_the_token_is_taken_out_of_the_environment_under_every_name(tmp_path):
    environment = {"GITHUB_TOKEN": "one", "GH_TOKEN": "two", "HOME": "/"}
    assert posting.take_token(environment) == "one"
    assert environment == {"HOME": "/"}
    file = tmp_path / "token"
    file.write_text("three\n")
    assert posting.take_token({"REVIEW_POSTER_TOKEN_FILE": str(file)}) == "three"
    with pytest.raises(ReviewError, match="cannot be read"):
        posting.take_token({"REVIEW_POSTER_TOKEN_FILE": str(tmp_path / "none")})


def test_without_a_token_neither_side_starts():
    with pytest.raises(ReviewError, match="no token"):
        posting.PosterProcess("http://127.0.0.1:1", "")
    ended = subprocess.run(
        [sys.executable, "-I", str(posting.POSTER), "--api", "http://127.0.0.1:1"],
        env={}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 2
    assert "set REVIEW_POSTER_TOKEN" in ended.stderr


def test_the_poster_imports_nothing_of_this_project():
    code = (
        f"import runpy, sys; runpy.run_path({str(posting.POSTER)!r}, run_name='poster'); "
        "print([name for name in sys.modules if name.split('.')[0] in ('reference', 'workbook')])"
    )
    ended = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
