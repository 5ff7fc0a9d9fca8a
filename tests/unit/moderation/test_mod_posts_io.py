from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.moderation.posts_io import Problem, iter_posts, post_from, post_to, read_posts
from reference.moderation.types import UNREADABLE, Action, Media, ModerationError, Post

media = st.builds(Media, name=st.text(max_size=8), data=st.binary(max_size=40))
posts = st.builds(
    Post,
    id=st.text(alphabet="abc-09", min_size=1, max_size=20),
    text=st.text(max_size=60),
    images=st.lists(media, max_size=2).map(tuple),
    video=st.none() | media,
    links=st.lists(st.text(max_size=20), max_size=2).map(tuple),
    language=st.sampled_from(["", "en", "sw"]),
    author=st.text(max_size=5),
    country=st.sampled_from(["", "DE", "US"]),
    posted_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    views=st.integers(0, 10**9),
)


@given(posts)
def test_a_post_survives_the_way_to_json_and_back(post):
    assert post_from(json.loads(json.dumps(post_to(post)))) == post


@given(st.lists(st.binary(max_size=60).map(lambda raw: raw.replace(b"\n", b"")), max_size=8))
def test_every_line_with_content_ends_as_post_or_problem(tmp_path_factory, lines):
    file = tmp_path_factory.mktemp("posts") / "a.jsonl"
    file.write_bytes(b"\n".join(lines))
    rows = list(iter_posts(file))
    assert len(rows) == sum(1 for line in lines if line.strip(b" \t\r\n\xef\xbb\xbf"))


def lines_of(tmp_path, *lines: bytes):
    file = tmp_path / "posts.jsonl"
    file.write_bytes(b"\n".join(lines))
    return read_posts(file)


@pytest.mark.parametrize(
    ("line", "post_id", "reason"),
    [
        (b'{"id": "a", "txt": "x"}', "a", "unknown field 'txt'"),
        (b'{"text": "x"}', "", "field id"),
        (b'{"id": 7}', "", "field id"),
        (b'{"id": "a", "text": "\xff\xfe"}', "a", "not UTF-8"),
        (b'{"id": "a", "text": 5}', "a", "field text"),
        (b'{"id": "a", "views": -1}', "a", "field views"),
        (b'{"id": "a", "views": true}', "a", "field views"),
        (b'{"id": "a", "country": "Germany"}', "a", "field country"),
        (b'{"id": "a", "posted_at": "2026-11-01T00:00:00"}', "a", "time zone"),
        (b'{"id": "a", "posted_at": "yesterday"}', "a", "ISO 8601"),
        (b'{"id": "a", "images": "x.png"}', "a", "field images"),
        (b'{"id": "a", "images": ["missing.png"]}', "a", "cannot be read"),
        (b'{"id": "a", "images": ["../../etc/hostname"]}', "a", "leads out"),
        (b'{"id": "a", "images": [{"base64": "%%%"}]}', "a", "no base64"),
        (b'{"id": "a", "video": {"base64": "", "path": "x"}}', "a", "field video"),
        (b"[1, 2]", "", "a post is an object"),
        (b'{"id": "a"', "", "no JSON object"),
        (b"[" * 100_000, "", "nested"),
    ],
)
def test_a_bad_line_is_reported_and_goes_to_a_person_if_it_has_an_id(tmp_path, line, post_id, reason):
    good, problems = lines_of(tmp_path, b'{"id": "fine"}', line)
    assert [post.id for post in good] == ["fine"]
    assert [(p.line, p.post_id) for p in problems] == [(2, post_id)]
    assert reason in problems[0].reason
    decision = problems[0].decision()
    if post_id:
        assert decision is not None
        assert (decision.action, decision.category) == (Action.ESCALATE, UNREADABLE)
    else:
        assert decision is None


def test_a_megabyte_of_text_is_read_whole(tmp_path):
    good, problems = lines_of(tmp_path, json.dumps({"id": "big", "text": "ä" * 1_000_000}).encode())
    assert not problems
    assert len(good[0].text) == 1_000_000


def test_a_repeated_id_is_reported_with_both_lines(tmp_path):
    good, problems = lines_of(tmp_path, b'{"id": "a"}', b"", b'{"id": "a", "text": "other"}')
    assert len(good) == 1
    assert problems == [Problem(3, "", "id 'a' was already used in line 1; give every post its own")]


def test_images_come_from_paths_beside_the_file_and_from_base64(tmp_path):
    (tmp_path / "p.png").write_bytes(b"12")
    encoded = base64.b64encode(b"34").decode()
    good, problems = lines_of(
        tmp_path,
        json.dumps({"id": "a", "images": ["p.png", {"name": "q", "base64": encoded}], "video": "p.png"}).encode(),
    )
    assert not problems
    assert good[0].images == (Media("p.png", b"12"), Media("q", b"34"))
    assert good[0].video == Media("p.png", b"12")


def test_a_json_array_is_read_and_anything_else_refused(tmp_path):
    file = tmp_path / "posts.json"
    file.write_text('[{"id": "a", "posted_at": "2026-11-01T00:00:00Z"}, 3]')
    good, problems = read_posts(file)
    assert good[0].posted_at == datetime(2026, 11, 1, tzinfo=UTC)
    assert problems[0].line == 2
    for text in ('{"id": "a"}', '{"id"'):
        file.write_text(text)
        with pytest.raises(ModerationError, match=r"posts\.json"):
            read_posts(file)
    with pytest.raises(ModerationError, match="cannot be read"):
        read_posts(tmp_path / "none.jsonl")
