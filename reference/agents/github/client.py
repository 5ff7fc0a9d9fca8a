"""What a review reads from GitHub: the pull request, its diff, and texts of the head revision. It cannot write."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from reference.agents.types import Change, ChangedFile, ReviewError

if TYPE_CHECKING:
    import httpx

API = "https://api.github.com"
DIFF_LIMIT = 20 << 20  # bytes
FILE_LIMIT = 1 << 20  # bytes
READS = 300  # files that one review may fetch
_REPOSITORY = re.compile(r"[A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100}\Z")


@dataclass(frozen=True, slots=True)
class PullRequest:
    """The part of a pull request that a review uses. Title, body and author are the author's: untrusted."""

    repository: str
    number: int
    base: str
    head: str
    title: str
    body: str
    author: str
    draft: bool


class GitHubReader:
    """Reads one GitHub API. The token is sent to `api` alone and never logged or shown.

    Args:
        api: address; `GITHUB_API_URL` of an enterprise server, else the public one.
        token: with read access to contents and pull requests; empty for public repositories.
        transport: for tests.
    """

    def __init__(self, api: str = API, token: str = "", *, transport: httpx.BaseTransport | None = None) -> None:
        import httpx

        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._http = httpx.Client(
            base_url=api, headers=headers, timeout=30, follow_redirects=False, trust_env=False, transport=transport
        )

    def __repr__(self) -> str:
        return f"GitHubReader({str(self._http.base_url)!r})"

    def close(self) -> None:
        self._http.close()

    def pull(self, repository: str, number: int) -> PullRequest:
        """Raises ReviewError: no such pull request, no access, or an answer of another form."""
        answer = self._get(f"/repos/{_named(repository)}/pulls/{number}", f"{repository}#{number}").json()
        try:
            return PullRequest(
                repository,
                number,
                str(answer["base"]["sha"]),
                str(answer["head"]["sha"]),
                str(answer.get("title") or ""),
                str(answer.get("body") or ""),
                str((answer.get("user") or {}).get("login", "")),
                bool(answer.get("draft")),
            )
        except (KeyError, TypeError):
            raise ReviewError(f"{repository}#{number}: the answer of GitHub names no base and head") from None

    def diff(self, pull: PullRequest) -> bytes:
        """The unified diff from the merge base to the head. Raises ReviewError: too large for GitHub or for us."""
        what = f"the diff of {pull.repository}#{pull.number}"
        path = f"/repos/{_named(pull.repository)}/pulls/{pull.number}"
        data = bytes(self._get(path, what, accept="application/vnd.github.v3.diff").content)
        if len(data) > DIFF_LIMIT:
            raise ReviewError(f"{what} has {len(data)} bytes, over the limit of {DIFF_LIMIT}; split the pull request")
        return data

    def change(self, pull: PullRequest) -> Change:
        """The pull request as a change: parsed diff, whole texts of the changed files, and a snapshot of the head."""
        from reference.agents.diff import parse_patch
        from reference.agents.diff.classify import classified

        parsed = parse_patch(self.diff(pull))
        snapshot = RemoteSnapshot(self, pull.repository, pull.head)
        problems = list(parsed.problems)
        files = []
        for file in parsed.files:
            whole = file
            if file.status != "deleted" and file.hunks and not file.why_not_read:
                text = snapshot.read(file.path)
                if text is not None:  # a generated file may say so above the lines that the diff shows
                    whole = classified(replace(file, after=text, before=_before(file, text)))
                if text is None:
                    problems.append(f"the whole text of {file.path} could not be fetched")
            files.append(whole)
        return Change(
            repository=pull.repository,
            base=pull.base,
            head=pull.head,
            files=tuple(files),
            title=pull.title,
            body=pull.body,
            author=pull.author,
            number=pull.number,
            snapshot=snapshot,
            problems=tuple(problems),
        )

    def text(self, repository: str, path: str, revision: str) -> str | None:
        """A file's text, or None: no such file, a link or folder, over the limit, or not UTF-8."""
        url = f"/repos/{_named(repository)}/contents/{quote(path)}"
        answer = self._get(url, path, params={"ref": revision}, missing=True)
        row = answer.json() if answer.status_code == 200 else None
        if not isinstance(row, dict) or row.get("type") != "file" or row.get("encoding") != "base64":
            return None
        try:
            data = base64.b64decode(row.get("content", ""))
            return data.decode("utf-8") if len(data) <= FILE_LIMIT and b"\0" not in data else None
        except ValueError:
            return None

    def tree(self, repository: str, revision: str) -> list[str]:
        """Paths of the regular files of a revision, sorted; as many as GitHub gives in one answer."""
        url = f"/repos/{_named(repository)}/git/trees/{quote(revision)}"
        rows = self._get(url, f"the tree of {repository}", params={"recursive": "1"}).json().get("tree", [])
        return sorted(row["path"] for row in rows if row.get("type") == "blob" and row.get("mode") != "120000")

    def _get(
        self, url: str, what: str, *, accept: str = "", params: dict[str, str] | None = None, missing: bool = False
    ) -> httpx.Response:
        import httpx

        try:
            answer = self._http.get(url, params=params, headers={"Accept": accept} if accept else None)
        except httpx.HTTPError as problem:
            raise ReviewError(f"{what}: {self._http.base_url} cannot be reached ({type(problem).__name__})") from None
        if answer.status_code == 200 or (missing and answer.status_code == 404):
            return answer
        mend = {
            401: "the token is not valid; set GITHUB_TOKEN",
            403: "the token may not read it, or its rate is spent; it needs contents:read and pull_requests:read",
            404: "not there, or not for this token; check owner, name and number",
            406: "too large for GitHub to show; review it from a clone with --base and --head",
        }.get(answer.status_code, "try again later")
        raise ReviewError(f"{what}: GitHub answered {answer.status_code}; {mend}")


class RemoteSnapshot:
    """The head revision read over the network: texts on demand, each once, at most READS of them."""

    def __init__(self, reader: GitHubReader, repository: str, revision: str) -> None:
        self._reader, self._repository, self._revision = reader, repository, revision
        self._texts: dict[str, str | None] = {}
        self._paths: list[str] | None = None

    def paths(self) -> Sequence[str]:
        if self._paths is None:
            try:
                self._paths = self._reader.tree(self._repository, self._revision)
            except ReviewError:
                self._paths = []
        return self._paths

    def read(self, path: str) -> str | None:
        if path not in self._texts:
            if len(self._texts) >= READS:
                return None
            try:
                self._texts[path] = self._reader.text(self._repository, path, self._revision)
            except ReviewError:
                self._texts[path] = None
        return self._texts[path]

    def grep(self, word: str, among: Sequence[str]) -> list[str]:
        pattern = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")
        return [path for path in among if (text := self.read(path)) is not None and pattern.search(text)]


def _named(repository: str) -> str:
    if not _REPOSITORY.match(repository):
        raise ReviewError(f"repository {visible_name(repository)}: must be owner/name")
    return repository


def visible_name(text: str) -> str:
    """A name from outside for a message: quoted, nothing invisible, at most 80 characters."""
    return repr(text[:80])


def _before(file: ChangedFile, after: str) -> str | None:
    """The text before: `after` with the hunks undone; None for a new file or where they do not fit."""
    if file.status == "added":
        return None
    lines = after.split("\n")
    for hunk in reversed(file.hunks):
        new = [one.text for one in hunk.lines if one.kind != "removed"]
        begin = hunk.new_start - 1 if hunk.new_length else hunk.new_start
        if [one.rstrip("\r") for one in lines[begin : begin + len(new)]] != [one.rstrip("\r") for one in new]:
            return None
        lines[begin : begin + len(new)] = [one.text for one in hunk.lines if one.kind != "added"]
    return "\n".join(lines)
