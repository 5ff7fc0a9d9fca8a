"""The reviewing side of the poster: starts it with the token, then talks to it without one."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reference.agents.types import ReviewError

POSTER = Path(__file__).with_name("poster.py")
TOKEN = "REVIEW_POSTER_TOKEN"
# Names under which a token may stand in a user's environment, first one wins; all of them are removed.
TOKEN_NAMES = (TOKEN, "GITHUB_TOKEN", "GH_TOKEN")


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of a review. `refused`: (path, line) of comments that GitHub did not take; they are in its body."""

    id: int
    event: str
    comments: int
    refused: tuple[tuple[str, int], ...] = ()


def take_token(environment: MutableMapping[str, str]) -> str:
    """The write token, removed from `environment` under every name it may have; empty if there is none."""
    found = [environment.pop(name, "") for name in TOKEN_NAMES]
    if file := environment.pop(f"{TOKEN}_FILE", ""):
        try:
            found.append(Path(file).read_text(encoding="utf-8").strip())
        except OSError as problem:
            raise ReviewError(f"{TOKEN}_FILE: {file} cannot be read ({problem.strerror})") from None
    return next((one for one in found if one), "")


class PosterProcess:
    """A running poster. One request at a time; safe to use from several threads.

    Args:
        api: address of the GitHub API; the poster sends to no other.
        token: given to the poster's environment and not kept here.

    Raises:
        ReviewError: no token, or the process cannot be started.
    """

    def __init__(self, api: str, token: str) -> None:
        if not token:
            raise ReviewError(f"no token to post with: set GITHUB_TOKEN (or {TOKEN}_FILE to a file that holds it)")
        environment = {"PATH": os.defpath, "LANG": "C.UTF-8", TOKEN: token}
        for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):  # a company's own certificates
            if name in os.environ:
                environment[name] = os.environ[name]
        # Its own session: a Ctrl-C in the terminal reaches the server first, which then closes the poster.
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(POSTER), "--api", api],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/", start_new_session=True,
        )  # fmt: skip
        self._lock = threading.Lock()

    @property
    def pid(self) -> int:
        return self._process.pid

    def post(self, repository: str, number: int, payload: Mapping[str, Any]) -> Posted:
        """Post a review payload.

        Raises:
            ReviewError: the poster's own check or GitHub refused it, or the poster has ended; says why.
        """
        request = json.dumps({"repository": repository, "number": number, "review": payload})
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            try:
                self._process.stdin.write(request.encode("ascii") + b"\n")
                self._process.stdin.flush()
                line = self._process.stdout.readline()
            except OSError:
                line = b""
        if not line:
            raise ReviewError(f"the poster has ended (exit code {self._process.poll()}); start the service again")
        answer = json.loads(line)
        if not answer["posted"]:
            raise ReviewError(f"the review of {repository}#{number} was not posted: {answer['error']}")
        refused = tuple((one["path"], one["line"]) for one in answer["refused"])
        return Posted(answer["id"], answer["event"], answer["comments"], refused)

    def close(self) -> None:
        """End of input lets it finish; a stuck one is killed after five seconds."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> PosterProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
