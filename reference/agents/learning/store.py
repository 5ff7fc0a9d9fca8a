"""The record of posted findings and of what became of each, in one SQLite file."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from reference.agents.rules import registry
from reference.agents.types import Review, ReviewError, Severity
from reference.serving.retry import RetryPolicy, retry

from .muting import Standing, posterior_mean

OUTCOMES = ("accepted", "rejected", "ignored", "resolved")
ACTED_ON = ("accepted", "resolved")
_SAID = ("accepted", "rejected")  # by a person; the other two are inferred and never replace these

_APPLICATION = 0x71365F6F  # "q6_o" in the file's header: tells our files from others
_VERSION = 1
_SCHEMA = (
    """CREATE TABLE posted (
        repository TEXT NOT NULL, pr INTEGER NOT NULL, fingerprint TEXT NOT NULL, rule TEXT NOT NULL,
        severity TEXT NOT NULL, posted_at REAL NOT NULL,
        outcome TEXT CHECK (outcome IN ('accepted', 'rejected', 'ignored', 'resolved')), decided_at REAL,
        PRIMARY KEY (repository, pr, fingerprint), CHECK ((outcome IS NULL) = (decided_at IS NULL))
    ) WITHOUT ROWID""",
    "CREATE INDEX by_rule ON posted (repository, rule)",
    "CREATE INDEX by_fingerprint ON posted (fingerprint)",
    f"PRAGMA application_id = {_APPLICATION}",
    f"PRAGMA user_version = {_VERSION}",
)


# Processes that open a new file together get at it one after the other.
_LOCKED = RetryPolicy(tries=200, first_s=0.05, most_s=0.1, within_s=10.0)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """How often findings of one rule were acted on in one repository.

    Attributes:
        posted, decided, accepted: findings; `accepted` holds the resolved ones too.
        mean: of the posterior from a uniform prior.
        interval: 95 %, Wilson; (0, 1) while nothing is decided.
        outcomes: count of each outcome.
    """

    posted: int
    decided: int
    accepted: int
    mean: float
    interval: tuple[float, float]
    outcomes: Mapping[str, int]


class OutcomeStore:
    """Implements `interfaces.Outcomes`. One object may be used by several threads, one file by several processes.

    Args:
        path: created if missing; its folder must exist.
        clock: seconds since the epoch; for tests.

    Raises:
        ReviewError: the file is damaged, of another program or of a newer version; it is left as it is.
    """

    def __init__(self, path: str | Path, *, clock: Callable[[], float] = time.time) -> None:
        self.path = Path(path)
        self._clock, self._lock = clock, threading.Lock()
        with self._trouble():
            self._db = sqlite3.connect(self.path, timeout=10, isolation_level=None, check_same_thread=False)
        try:
            with self._trouble():
                self._open()
        except BaseException:
            self._db.close()
            raise

    def _open(self) -> None:
        # Looked at before anything is written: a wrong file name must not change somebody's database.
        if not self._is_ours():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                if not self._is_ours():  # another process may have been first
                    for statement in _SCHEMA:
                        self._db.execute(statement)
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
        self._write_ahead()
        self._db.execute("PRAGMA synchronous = NORMAL")

    def _write_ahead(self) -> None:
        """The switch needs the file alone for a moment, and SQLite does not wait for that by itself."""
        retry(
            lambda: self._db.execute("PRAGMA journal_mode = WAL"),
            _LOCKED,
            on=(sqlite3.OperationalError,),
            when=lambda problem: "locked" in str(problem),
        )

    def _is_ours(self) -> bool:
        """False for an empty file. Raises ReviewError for a foreign or a newer one."""
        # In one transaction: another process may be making the file between two looks.
        alone = not self._db.in_transaction
        if alone:
            self._db.execute("BEGIN")
        try:
            [tables] = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
            [application] = self._db.execute("PRAGMA application_id").fetchone()
            [version] = self._db.execute("PRAGMA user_version").fetchone()
        finally:
            if alone:
                self._db.execute("ROLLBACK")
        if application == _APPLICATION and version == _VERSION:
            return True
        if application == _APPLICATION:
            raise ReviewError(f"outcomes file {self.path}: version {version}, this program reads {_VERSION}; update it")
        if application or version or tables:
            raise ReviewError(f"outcomes file {self.path}: a database of another program; name another file")
        return False

    @contextlib.contextmanager
    def _trouble(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as problem:
            raise ReviewError(
                f"outcomes file {self.path}: {problem}; name a file in a writable folder, or move a damaged one away"
            ) from None

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """All or nothing."""
        with self._lock, self._trouble():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _rows(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        with self._lock, self._trouble():
            return self._db.execute(sql, values).fetchall()

    def record_posted(self, review: Review) -> int:
        """Remember the findings in the review's comments; returns how many were new. Twice is as good as once."""
        now = self._clock()
        rows = [
            (review.change.repository, review.change.number, one.fingerprint, one.rule, one.severity.word, now)
            for one in review.findings
        ]
        with self._writing():
            before = self._db.total_changes
            self._db.executemany(
                "INSERT OR IGNORE INTO posted (repository, pr, fingerprint, rule, severity, posted_at) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                rows,
            )
            return self._db.total_changes - before

    def record_outcome(self, repository: str, pr: int, fingerprint: str, outcome: str) -> bool:
        """Remember what became of a finding; True if that is news.

        A later outcome replaces an earlier one, but an inferred one ("ignored", "resolved") never what a person said
        ("accepted", "rejected").

        Raises:
            ReviewError: no such outcome, or the finding was never posted there.
        """
        if outcome not in OUTCOMES:
            raise ReviewError(f"outcome: one of {', '.join(OUTCOMES)}, got {outcome!r}")
        key = (repository, pr, fingerprint)
        with self._writing():
            row = self._db.execute(
                "SELECT outcome FROM posted WHERE repository = ? AND pr = ? AND fingerprint = ?", key
            ).fetchone()
            if row is None:
                raise ReviewError(
                    f"finding {fingerprint} was not posted to {repository}#{pr}; its comment names its id"
                )
            if row[0] == outcome or (row[0] in _SAID and outcome not in _SAID):
                return False
            self._db.execute(
                "UPDATE posted SET outcome = ?, decided_at = ? WHERE repository = ? AND pr = ? AND fingerprint = ?",
                (outcome, self._clock(), *key),
            )
            return True

    def where(self, fingerprint: str) -> list[tuple[str, int, str]]:
        """(repository, pr, rule) of every posting of a finding."""
        rows = self._rows("SELECT repository, pr, rule FROM posted WHERE fingerprint = ? ORDER BY 1, 2", fingerprint)
        return [(str(repository), int(str(pr)), str(rule)) for repository, pr, rule in rows]

    def undecided(self, repository: str, pr: int) -> dict[str, str]:
        """fingerprint -> rule of what was posted to a pull request and has no outcome yet."""
        rows = self._rows(
            "SELECT fingerprint, rule FROM posted WHERE repository = ? AND pr = ? AND outcome IS NULL", repository, pr
        )
        return {str(fingerprint): str(rule) for fingerprint, rule in rows}

    def rules(self) -> list[tuple[str, str]]:
        """(repository, rule) of everything that was posted."""
        rows = self._rows("SELECT DISTINCT repository, rule FROM posted ORDER BY 1, 2")
        return [(str(repository), str(rule)) for repository, rule in rows]

    def acceptance(self, repository: str, rule: str) -> Acceptance:
        """All outcomes so far, those before a pause too."""
        from reference.sizing.intervals import wilson

        rows = self._rows(
            "SELECT outcome, count(*) FROM posted WHERE repository = ? AND rule = ? GROUP BY outcome", repository, rule
        )
        counts = {outcome: int(str(count)) for outcome, count in rows}
        posted = sum(counts.values())
        decided = posted - counts.pop(None, 0)
        accepted = sum(counts.get(one, 0) for one in ACTED_ON)
        return Acceptance(
            posted=posted,
            decided=decided,
            accepted=accepted,
            mean=posterior_mean(accepted, decided),
            interval=wilson(accepted, decided),
            outcomes={one: counts.get(one, 0) for one in OUTCOMES},
        )

    def muted(self, repository: str) -> frozenset[str]:
        """Rules that are not posted in this repository now; none that the registry calls critical."""
        return frozenset(self.muted_until(repository))

    def muted_until(self, repository: str) -> dict[str, float]:
        """Muted rule -> when it is tried again, in seconds since the epoch."""
        rows = self._rows(
            "SELECT rule, pr, fingerprint, posted_at, outcome, decided_at FROM posted WHERE repository = ?", repository
        )
        # (time, posted before decided, finding, outcome): the finding makes the order the same for equal times
        events: dict[str, list[tuple[float, int, str, str]]] = defaultdict(list)
        for rule, pr, fingerprint, posted_at, outcome, decided_at in rows:
            finding = f"{pr} {fingerprint}"
            events[str(rule)].append((float(str(posted_at)), 0, finding, ""))
            if outcome is not None:
                events[str(rule)].append((float(str(decided_at)), 1, finding, str(outcome)))
        now = self._clock()
        made: dict[str, float] = {}
        for rule, own in sorted(events.items()):
            if is_critical(rule):
                continue
            standing = Standing()
            for at, decided, finding, outcome in sorted(own):
                if decided:
                    standing.outcome(finding, outcome in ACTED_ON, at)
                else:
                    standing.posted(finding, at)
            if (until := standing.muted_until(now)) is not None:
                made[rule] = until
        return made

    def close(self) -> None:
        with self._lock:
            self._db.close()


def is_critical(rule: str) -> bool:
    """Whether the registry calls it critical; False for a rule of an earlier version that is not there any more."""
    entry = registry().get(rule)
    return entry is not None and entry.severity is Severity.CRITICAL
