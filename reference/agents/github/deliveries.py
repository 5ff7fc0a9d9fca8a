"""What the webhook remembers between deliveries and restarts: which it has seen, and what was said about a change."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from reference.agents.types import ReviewError

TTL = 7 * 24 * 3600.0  # seconds; GitHub offers a redelivery for three days


class Deliveries:
    """SQLite file or ":memory:". Safe to use from several threads.

    Args:
        clock: seconds since the epoch; for tests.
    Raises:
        ReviewError: the file cannot be opened or is no database.
    """

    def __init__(self, path: Path | str = ":memory:", *, clock: Callable[[], float] = time.time) -> None:
        self._clock, self._lock = clock, threading.Lock()
        try:
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
            self._db.execute("CREATE TABLE IF NOT EXISTS seen (key TEXT PRIMARY KEY, at REAL NOT NULL)")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS said (repository TEXT, number INTEGER, fingerprint TEXT, rule TEXT, "
                "PRIMARY KEY (repository, number, fingerprint))"
            )
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS events (repository TEXT, number INTEGER, event TEXT, "
                "PRIMARY KEY (repository, number))"
            )
        except sqlite3.Error as problem:
            raise ReviewError(f"deliveries file {path}: {problem}; remove it or name another") from None

    def first(self, delivery: str, body: bytes) -> bool:
        """Whether neither this id nor this body was seen within the TTL; remembers both.

        The id alone is not enough: its header is not signed, so a replay may bring another one.
        """
        now = self._clock()
        with self._lock:
            self._db.execute("DELETE FROM seen WHERE at < ?", (now - TTL,))
            self._db.execute("BEGIN IMMEDIATE")
            made = 0
            for key in _keys(delivery, body):
                made += self._db.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (key, now)).rowcount
            self._db.execute("COMMIT")
        return made == 2

    def forget(self, delivery: str, body: bytes) -> None:
        """After a failure: a redelivery is then a new attempt."""
        with self._lock:
            self._db.executemany("DELETE FROM seen WHERE key = ?", [(key,) for key in _keys(delivery, body)])

    def said(self, repository: str, number: int) -> tuple[frozenset[str], str]:
        """(fingerprints of findings already posted to this pull request, event of its last review or "")."""
        with self._lock:
            rows = self._db.execute(
                "SELECT fingerprint FROM said WHERE repository = ? AND number = ?", (repository, number)
            ).fetchall()
            event = self._db.execute(
                "SELECT event FROM events WHERE repository = ? AND number = ?", (repository, number)
            ).fetchone()
        return frozenset(one for (one,) in rows), event[0] if event else ""

    def note(self, repository: str, number: int, rules: Mapping[str, str], event: str) -> None:
        """A review was posted; `rules`: fingerprint -> rule of each finding in it."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(
                "INSERT OR IGNORE INTO said VALUES (?, ?, ?, ?)",
                [(repository, number, fingerprint, rule) for fingerprint, rule in rules.items()],
            )
            self._db.execute("INSERT OR REPLACE INTO events VALUES (?, ?, ?)", (repository, number, event))
            self._db.execute("COMMIT")

    def rules_of(self, fingerprint: str) -> list[tuple[str, str]]:
        """(repository, rule) of every posted finding with this fingerprint: what a person's verdict is about."""
        with self._lock:
            return self._db.execute(
                "SELECT DISTINCT repository, rule FROM said WHERE fingerprint = ? ORDER BY 1, 2", (fingerprint,)
            ).fetchall()

    def close(self) -> None:
        self._db.close()


def _keys(delivery: str, body: bytes) -> tuple[str, str]:
    return f"id {delivery}", f"body {hashlib.sha256(body).hexdigest()}"
