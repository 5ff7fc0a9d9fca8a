"""The reviewing side of the poster: starts it with the token, then talks to it without one."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

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
    """The write token, removed from `environment` under every name it may have; empty if there is none.

    Raises:
        ReviewError: the file that should hold it cannot be read.
    """
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
        process = subprocess.Popen(
            [sys.executable, "-I", str(POSTER), "--api", api],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/", start_new_session=True, bufsize=0,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        self._set(process.pid, os.dup(process.stdin.fileno()), os.dup(process.stdout.fileno()))
        process.stdin.close()
        process.stdout.close()
        process.returncode = 0  # this class waits for the process itself, see `close`

    def _set(self, pid: int, to: int, back: int) -> None:
        self.pid = pid
        self._to: BinaryIO = os.fdopen(to, "wb", buffering=0)
        self._back: BinaryIO = os.fdopen(back, "rb")
        self._lock = threading.Lock()

    @classmethod
    def adopted(cls, handed: str) -> PosterProcess:
        """The poster that this process started before it replaced itself; `handed` is what `handed_over` gave."""
        made = cls.__new__(cls)
        pid, to, back = (int(part) for part in handed.split(","))
        made._set(pid, to, back)
        return made

    def handed_over(self) -> str:
        """Lets the pipes outlive an exec of this process, which then has neither the token nor a trace of it."""
        for file in (self._to, self._back):
            os.set_inheritable(file.fileno(), True)
        return f"{self.pid},{self._to.fileno()},{self._back.fileno()}"

    def post(self, repository: str, number: int, payload: Mapping[str, Any]) -> Posted:
        """Post a review payload.

        Raises:
            ReviewError: the poster's own check or GitHub refused it, or the poster has ended; says why.
        """
        request = json.dumps({"repository": repository, "number": number, "review": payload}).encode("ascii") + b"\n"
        with self._lock:
            try:
                while request:  # an unbuffered pipe may take a part
                    request = request[self._to.write(request) :]
                line = self._back.readline()
            except (OSError, ValueError):
                line = b""
        if not line:
            raise ReviewError("the poster has ended; start the service again")
        answer = json.loads(line)
        if not answer["posted"]:
            raise ReviewError(f"the review of {repository}#{number} was not posted: {answer['error']}")
        refused = tuple((one["path"], one["line"]) for one in answer["refused"])
        return Posted(answer["id"], answer["event"], answer["comments"], refused)

    def close(self) -> None:
        """End of input lets it finish; a stuck one is killed after five seconds."""
        with contextlib.suppress(OSError):
            self._to.close()
        for attempt in range(200):
            try:
                ended, _ = os.waitpid(self.pid, os.WNOHANG if attempt < 199 else 0)
            except ChildProcessError:
                break
            if ended:
                break
            if attempt == 198:
                os.kill(self.pid, signal.SIGKILL)
            time.sleep(0.025)
        self._back.close()

    def __enter__(self) -> PosterProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
