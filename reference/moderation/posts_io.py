"""Posts as JSON: one object a line (`.jsonl`), or one array in a file (`.json`); and back.

Fields are those of `types.Post`. Images: `{"name": "a.png", "base64": "..."}`, `{"path": "a.png"}` or just the path,
relative to the file. Every line ends as a post or as a problem; where a problem has an id, that post goes to a person.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .types import UNREADABLE, Action, Decision, Finding, Media, ModerationError, Post, Tier

MAX_LINE_BYTES = 64 << 20  # a post with its pictures
MAX_MEDIA_BYTES = 64 << 20
MAX_ID = 200
FIELDS = ("id", "text", "images", "video", "links", "language", "author", "country", "posted_at", "views")


@dataclass(frozen=True, slots=True)
class Problem:
    """A line that is no post: `line` counts from 1; `post_id` is empty where none could be read."""

    line: int
    post_id: str
    reason: str

    def decision(self, versions: Mapping[str, str] | None = None) -> Decision | None:
        """ESCALATE with an UNREADABLE finding; None if there is no id that a person could look up."""
        if not self.post_id:
            return None
        finding = Finding(UNREADABLE, 1.0, Tier.RULES, "reader", f"The post could not be read: {self.reason}.")
        return Decision(
            post_id=self.post_id,
            action=Action.ESCALATE,
            category=UNREADABLE,
            tier=Tier.RULES,
            findings=(finding,),
            versions=dict(versions or {}),
            language="und",
            country="",
            severity=2,
            decided_at=datetime.now(UTC),
        )


class _Bad(Exception):
    """Why one object is no post."""


def iter_posts(path: str | Path) -> Iterator[Post | Problem]:
    """Every post or problem of a file, in its order; one line in memory at a time for `.jsonl`.

    A second line with an id that was seen is a problem without id: the first keeps its decision.

    Raises:
        ModerationError: the file is missing, unreadable, or a `.json` that is no array.
    """
    file = Path(path)
    seen: dict[str, int] = {}
    for line, raw in _objects(file):
        row = raw if isinstance(raw, Problem) else _row(line, raw, file.parent)
        name = row.id if isinstance(row, Post) else row.post_id
        if name and name in seen:
            yield Problem(line, "", f"id {name!r} was already used in line {seen[name]}; give every post its own")
            continue
        if name:
            seen[name] = line
        yield row


def read_posts(path: str | Path) -> tuple[list[Post], list[Problem]]:
    """All posts and all problems of a file. Raises ModerationError as `iter_posts` does."""
    posts: list[Post] = []
    problems: list[Problem] = []
    for row in iter_posts(path):
        if isinstance(row, Post):
            posts.append(row)
        else:
            problems.append(row)
    return posts, problems


def post_from(data: Any, folder: Path | None = None) -> Post:
    """A post from one decoded JSON object; `folder`: where relative paths of media start, None: paths are refused.

    Raises:
        ModerationError: names the field and what is wrong with it.
    """
    try:
        return _post(data, folder)
    except _Bad as bad:
        raise ModerationError(str(bad)) from bad


def post_to(post: Post) -> dict[str, Any]:
    """The JSON object of a post, without empty fields; media as base64. `post_from` gives an equal post back."""
    data: dict[str, Any] = {"id": post.id}
    if post.text:
        data["text"] = post.text
    if post.images:
        data["images"] = [_media_to(image) for image in post.images]
    if post.video is not None:
        data["video"] = _media_to(post.video)
    if post.links:
        data["links"] = list(post.links)
    for name in ("language", "author", "country", "views"):
        if value := getattr(post, name):
            data[name] = value
    if post.posted_at is not None:
        data["posted_at"] = post.posted_at.isoformat()
    return data


def _media_to(media: Media) -> dict[str, str]:
    return {"name": media.name, "base64": base64.b64encode(media.data).decode("ascii")}


def _objects(file: Path) -> Iterator[tuple[int, Any]]:
    """(line, decoded value or Problem)."""
    try:
        if file.suffix == ".json":
            try:
                rows = json.loads(file.read_bytes())
            except (ValueError, RecursionError) as error:
                raise ModerationError(
                    f"{file} is no JSON: {error}; one post per line needs the ending .jsonl"
                ) from error
            if not isinstance(rows, list):
                raise ModerationError(
                    f"{file} holds no array of posts; write [ {{...}}, ... ] or one post per line (.jsonl)"
                )
            yield from enumerate(rows, start=1)
            return
        with open(file, "rb") as lines:
            number = 0
            while raw := lines.readline(MAX_LINE_BYTES + 1):
                number += 1
                if len(raw) > MAX_LINE_BYTES:
                    while raw and not raw.endswith(b"\n"):
                        raw = lines.readline(1 << 20)
                    yield (
                        number,
                        Problem(number, "", f"the line is longer than {MAX_LINE_BYTES >> 20} MB; use image paths"),
                    )
                elif stripped := raw.strip(b" \t\r\n\xef\xbb\xbf"):
                    yield number, _decoded(number, stripped)
    except OSError as error:
        raise ModerationError(
            f"{file} cannot be read: {error.strerror or error}; name a .jsonl or .json of posts"
        ) from error


def _decoded(line: int, raw: bytes) -> Any:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        # The id may still be readable: then a person can look at the post.
        try:
            name = _id_of(json.loads(raw.decode("utf-8", errors="replace")))
        except (ValueError, RecursionError):
            name = ""
        return Problem(line, name, f"byte {error.start + 1} is not UTF-8")
    try:
        return json.loads(text)
    except ValueError as error:
        return Problem(line, "", f"no JSON object ({error})")
    except RecursionError:
        return Problem(line, "", "nested too deeply")


def _id_of(data: Any) -> str:
    name = data.get("id") if isinstance(data, dict) else None
    return name if isinstance(name, str) and 0 < len(name) <= MAX_ID and name.isprintable() else ""


def _row(line: int, data: Any, folder: Path) -> Post | Problem:
    try:
        return _post(data, folder)
    except _Bad as bad:
        return Problem(line, _id_of(data), str(bad))


def _post(data: Any, folder: Path | None) -> Post:
    if not isinstance(data, dict):
        raise _Bad("a post is an object with the fields id, text, ...")
    if unknown := [key for key in data if key not in FIELDS]:
        raise _Bad(f"unknown field {unknown[0]!r}; there are {', '.join(FIELDS)}")
    if not (name := _id_of(data)):
        raise _Bad(f"field id is missing, no text, not printable or longer than {MAX_ID} characters")
    images = data.get("images", [])
    if not isinstance(images, list):
        raise _Bad("field images is no array")
    links = data.get("links", [])
    if not isinstance(links, list) or not all(isinstance(link, str) for link in links):
        raise _Bad("field links is no array of texts")
    views = data.get("views", 0)
    if not isinstance(views, int) or isinstance(views, bool) or views < 0:
        raise _Bad("field views is no whole number from 0 on")
    country = _text(data, "country").upper()
    if country and not (len(country) == 2 and country.isascii() and country.isalpha()):
        raise _Bad(f"field country = {country!r} is no ISO 3166 code of two letters")
    return Post(
        id=name,
        text=_text(data, "text"),
        images=tuple(_media(image, f"images[{at}]", folder) for at, image in enumerate(images)),
        video=None if data.get("video") is None else _media(data["video"], "video", folder),
        links=tuple(links),
        language=_text(data, "language"),
        author=_text(data, "author"),
        country=country,
        posted_at=_time(data.get("posted_at")),
        views=views,
    )


def _text(data: dict[str, Any], field: str) -> str:
    value = data.get(field, "")
    if not isinstance(value, str):
        raise _Bad(f"field {field} is no text")
    return value


def _time(value: Any) -> datetime | None:
    if value is None:
        return None
    try:
        when = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise _Bad(f"field posted_at = {value!r} is no ISO 8601 time") from None
    if when.tzinfo is None:
        raise _Bad("field posted_at has no time zone; add +00:00 for UTC")
    return when


def _media(value: Any, field: str, folder: Path | None) -> Media:
    if isinstance(value, str):
        value = {"path": value}
    if (
        not isinstance(value, dict)
        or not set(value) <= {"name", "base64", "path"}
        or ("base64" in value) == ("path" in value)
    ):
        raise _Bad(f'field {field} is neither a path nor {{"name": ..., "base64": ...}}')
    name, encoded, path = value.get("name", ""), value.get("base64"), value.get("path")
    if not isinstance(name, str) or not isinstance(encoded if path is None else path, str):
        raise _Bad(f"field {field} holds something that is no text")
    if path is None:
        try:
            return Media(name, base64.b64decode(str(encoded), validate=True))
        except (binascii.Error, ValueError):
            raise _Bad(f"field {field}.base64 is no base64") from None
    if folder is None:
        raise _Bad(f"field {field} names a path; only base64 is taken here")
    try:
        file = (folder / path).resolve()
        # A post is somebody else's words: its paths must not lead out to the user's other files.
        if not file.is_relative_to(folder.resolve()):
            raise _Bad(f"field {field} leads out of the folder of the file")
        if file.stat().st_size > MAX_MEDIA_BYTES:
            raise _Bad(f"field {field} is larger than {MAX_MEDIA_BYTES >> 20} MB")
        return Media(name or file.name, file.read_bytes())
    except (OSError, ValueError) as error:
        raise _Bad(f"field {field}: {path!r} cannot be read ({getattr(error, 'strerror', None) or error})") from None
