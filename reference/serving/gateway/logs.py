"""JSON logs that say what happened to a request and never what the user wrote."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import sys
import time
import traceback
from typing import Any, TextIO
from uuid import uuid4

logger = logging.getLogger("reference.serving.gateway")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time, level, event and the fields given to `log_event`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line for `record`."""
        fields = getattr(record, "fields", {})
        entry = {"ts": round(record.created, 3), "level": record.levelname.lower(), "event": record.getMessage()}
        return json.dumps({**entry, **fields}, ensure_ascii=True, default=str)


class StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to what `sys.stderr` is at the moment: a notebook or a test replaces it, and closes the one before."""

    def emit(self, record: logging.LogRecord) -> None:
        """Writes `record` as a line."""
        self.stream = sys.stderr
        super().emit(record)


def configure(level: str = "INFO") -> None:
    """Sends the gateway's log to standard error as JSON lines; a second call only changes the level."""
    if not any(isinstance(handler.formatter, JsonFormatter) for handler in logger.handlers):
        handler = StderrHandler()
        handler.setFormatter(JsonFormatter())
        logger.addHandler(handler)
        logger.propagate = False
    logger.setLevel(level)


def log_event(event: str, level: int = logging.INFO, **fields: Any) -> None:
    """Logs `event` with fields. Pass identifiers, numbers and codes only; never a message or an answer."""
    if logger.isEnabledFor(level):
        logger.log(level, event, extra={"fields": fields})


def describe(error: BaseException) -> dict[str, Any]:
    """Class and place of an error, without its message: messages of parsers and clients can quote the user's text."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    where = [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}:{frame.name}" for frame in frames]
    return {"error_class": type(error).__name__, "where": where}


def pseudonym(identifier: str) -> str:
    """Short stable digest of an identifier chosen by a client (a session id may hold a name)."""
    return hashlib.sha256(identifier.encode("utf-8", "replace")).hexdigest()[:12]


def request_id(proposed: str | None) -> str:
    """The client's request id if it is a plain short token, else a fresh one."""
    return proposed if proposed and _REQUEST_ID.fullmatch(proposed) else f"req-{uuid4().hex}"


def now() -> float:
    """Monotonic clock for durations, in seconds."""
    return time.monotonic()
