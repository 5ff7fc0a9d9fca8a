"""The decision log: one SQLite file that only grows, that several processes append to, and that shows tampering.

Rows are refused UPDATE and DELETE by triggers. That stops accidents, not somebody with the file in hand: so every
appended batch carries the SHA-256 of its rows and of the batch before it. A changed, removed or inserted row
breaks the chain. A cut tail leaves a shorter chain that is whole in itself: only an `Anchor` kept elsewhere shows it.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reference.moderation.types import Decision, ModerationError, Tier

from .rows import COLUMNS, SCHEMA, TABLES, decision_of, digest, row_of

_GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Anchor:
    """The end of the chain at one moment: keep it where the log's owner cannot reach."""

    batches: int
    hash: str


class SqliteDecisionLog:
    """Implements `interfaces.DecisionLog`. One object may be used by several threads, one file by several processes.

    Args:
        path: created if missing; its folder must exist.
        durable: wait for the disk at every batch (survives a power cut). Without it the last moments may be lost with
            the power, not with a killed process.
    """

    def __init__(self, path: str | Path, *, durable: bool = False, busy_timeout_s: float = 10.0) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._versions: dict[str, int] = {}
        try:
            self._db = sqlite3.connect(self.path, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False)
            # The first of several processes turns the file into WAL; that needs it alone, so the others wait.
            self._db.execute(f"PRAGMA busy_timeout = {int(busy_timeout_s * 1000)}")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._db.execute("PRAGMA cache_size = -32768")
            self._db.execute("BEGIN IMMEDIATE")
            for statement in SCHEMA.split(";\n"):
                self._db.execute(statement)
            for table in TABLES:
                for verb in ("UPDATE", "DELETE"):
                    self._db.execute(
                        f"CREATE TRIGGER IF NOT EXISTS no_{verb}_{table} BEFORE {verb} ON {table} "
                        f"BEGIN SELECT RAISE(ABORT, 'the decision log only grows'); END"
                    )
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise ModerationError(
                f"the decision log {self.path} cannot be opened: {error}; name a file in a writable folder"
            ) from error

    def close(self) -> None:
        self._db.close()

    def append(
        self, decisions: Sequence[Decision], *, round: int = 0, statements: Iterable[Mapping[str, Any]] = ()
    ) -> int:
        """Appends what is new, all of it or nothing; returns how many decisions were new.

        Args:
            round: of appeal; 0 for the first time. A post has one decision per tier and round, the first one stays.
            statements: statements of reasons as JSON objects with `puid`, kept with the decisions they belong to.

        Raises:
            ModerationError: the file cannot be written; nothing of the batch is in the log then.
        """
        if not decisions:
            return 0
        texts = [(str(s["puid"]), json.dumps(s, sort_keys=True)) for s in statements]
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    new = self._append([self._row(d, round) for d in decisions], texts, round)
                    self._db.execute("COMMIT")
                    return new
                except BaseException:
                    self._versions.clear()  # ids of a transaction that did not happen
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise ModerationError(
                    f"the decision log {self.path} cannot be written: {error}; free the disk, then try again"
                ) from error

    def _append(self, rows: list[tuple[Any, ...]], texts: list[tuple[str, str]], round: int) -> int:
        from .statement import puid_of

        db = self._db
        owners = {puid_of(row[0], row[1], round): row[0] for row in rows} if texts else {}
        last = db.execute("SELECT id, last_seq, hash FROM batches ORDER BY id DESC LIMIT 1").fetchone()
        number, end, previous = last or (0, 0, _GENESIS)
        before = db.total_changes
        db.executemany(f"INSERT OR IGNORE INTO decisions ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", rows)
        new = db.total_changes - before
        if new < len(rows):  # some were known: hash what the table really took
            rows = db.execute(f"SELECT {COLUMNS} FROM decisions WHERE seq > ? ORDER BY seq", (end,)).fetchall()
        if new == 0:
            return 0
        fresh = {row[0] for row in rows} if texts else set()
        kept: list[tuple[str, str]] = []
        for puid, text in texts:
            post_id = owners.get(puid)
            if post_id is None:
                raise ModerationError(f"statement {puid} belongs to no decision of its batch; append the two together")
            if post_id not in fresh:  # a repeated decision: the first one, and its statement, stay
                continue
            if db.execute("INSERT OR IGNORE INTO statements VALUES (?,?,?)", (puid, post_id, text)).rowcount:
                kept.append((puid, text))
        hashed = digest(previous, rows, self._spelled(rows), kept)
        first = end + 1
        seq = db.execute("SELECT max(seq) FROM decisions").fetchone()[0]
        db.execute(
            "INSERT INTO batches VALUES (?,?,?,?,?,?)",
            (number + 1, first, seq, json.dumps([puid for puid, _ in kept]), previous, hashed),
        )
        return new

    def _spelled(self, rows: Sequence[Sequence[Any]]) -> list[str]:
        """The versions that `rows` point to, as texts: pointing elsewhere later must break the chain too."""
        spelled = []
        for key in sorted({row[-1] for row in rows}):
            found = self._db.execute("SELECT value FROM versions WHERE id = ?", (key,)).fetchone()
            spelled.append(found[0] if found else "")
        return spelled

    def _row(self, decision: Decision, round: int) -> tuple[Any, ...]:
        versions = json.dumps(dict(decision.versions), sort_keys=True)
        key = self._versions.get(versions)
        if key is None:
            self._db.execute("INSERT OR IGNORE INTO versions (value) VALUES (?)", (versions,))
            key = self._db.execute("SELECT id FROM versions WHERE value = ?", (versions,)).fetchone()[0]
            self._versions[versions] = key
        return row_of(decision, round, key)

    def why(self, post_id: str) -> list[Decision]:
        """Every decision about a post, oldest first; empty if there is none."""
        rows = self._query(f"SELECT {COLUMNS} FROM decisions WHERE post_id = ? ORDER BY seq", (post_id,))
        return [self._decision(row) for row in rows]

    def rounds(self, post_id: str) -> list[int]:
        """The appeal round of each decision that `why` lists, in the same order."""
        return [row[0] for row in self._query("SELECT round FROM decisions WHERE post_id = ? ORDER BY seq", (post_id,))]

    def explain(self, post_id: str) -> list[str]:
        """`why` as plain sentences: what happened, when, why, under which policy version."""
        from .explain import sentences

        return sentences(post_id, self.why(post_id))

    def decided(self, post_ids: Sequence[str], tier: Tier | None = None, round: int = 0) -> set[str]:
        """Those of `post_ids` that have a decision (of `tier`, if named) in this round."""
        found: set[str] = set()
        for start in range(0, len(post_ids), 500):
            part = list(post_ids[start : start + 500])
            marks = ",".join("?" * len(part))
            only = "" if tier is None else f" AND tier = {int(tier)}"
            query = f"SELECT post_id FROM decisions WHERE post_id IN ({marks}) AND round = ?{only}"
            found.update(row[0] for row in self._query(query, (*part, round)))
        return found

    def statements(self, post_id: str | None = None) -> list[dict[str, Any]]:
        """Statements of reasons, of one post or all, in the order of their decisions."""
        query = (
            "SELECT value FROM statements" + (" WHERE post_id = ?" if post_id is not None else "") + " ORDER BY rowid"
        )
        return [json.loads(row[0]) for row in self._query(query, () if post_id is None else (post_id,))]

    def counts(self) -> dict[str, int]:
        """rows, posts (distinct), batches, statements, and rows per action."""
        numbers = {
            "rows": self._query("SELECT count(*) FROM decisions")[0][0],
            "posts": self._query("SELECT count(DISTINCT post_id) FROM decisions")[0][0],
            "batches": self._query("SELECT count(*) FROM batches")[0][0],
            "statements": self._query("SELECT count(*) FROM statements")[0][0],
        }
        return numbers | dict(self._query("SELECT action, count(*) FROM decisions GROUP BY action"))

    def anchor(self) -> Anchor:
        """The chain's end now; give it to `verify` later."""
        rows = self._query("SELECT id, hash FROM batches ORDER BY id DESC LIMIT 1")
        return Anchor(*rows[0]) if rows else Anchor(0, _GENESIS)

    def verify(self, anchor: Anchor | None = None) -> None:
        """Recomputes the chain, and compares it with an earlier `anchor` if one is given.

        Raises:
            ModerationError: names the first batch whose rows, statements or link are not what was appended.
        """
        previous, expected, reached = _GENESIS, 1, 0
        for number, first, last, puids, said, hashed in self._query("SELECT * FROM batches ORDER BY id"):
            rows = self._query(f"SELECT {COLUMNS} FROM decisions WHERE seq BETWEEN ? AND ? ORDER BY seq", (first, last))
            kept = [
                (puid, text[0][0] if text else "")
                for puid in json.loads(puids)
                for text in [self._query("SELECT value FROM statements WHERE puid = ?", (puid,))]
            ]
            whole = number == expected and first == reached + 1 and len(rows) == last - first + 1
            if not whole or said != previous or digest(previous, rows, self._spelled(rows), kept) != hashed:
                raise ModerationError(
                    f"the decision log {self.path} was changed at batch {number} (decisions {first} to {last}); "
                    "restore the file from a backup made before"
                )
            previous, expected, reached = hashed, number + 1, last
            if anchor is not None and number == anchor.batches and hashed != anchor.hash:
                raise ModerationError(
                    f"batch {number} of {self.path} is not the one that the anchor saw; the log was rebuilt"
                )
        if self._query("SELECT coalesce(max(seq), 0) FROM decisions")[0][0] != reached:
            raise ModerationError(
                f"{self.path} holds decisions after {reached} that belong to no batch: they were added by hand"
            )
        if anchor is not None and expected - 1 < anchor.batches:
            raise ModerationError(
                f"{self.path} ends at batch {expected - 1}, the anchor saw {anchor.batches}: its tail was cut off"
            )

    def _query(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._lock:
            try:
                return self._db.execute(sql, tuple(values)).fetchall()
            except sqlite3.Error as error:
                raise ModerationError(
                    f"the decision log {self.path} cannot be read: {error}; restore the file"
                ) from error

    def _decision(self, row: Sequence[Any]) -> Decision:
        value = self._query("SELECT value FROM versions WHERE id = ?", (row[-1],))
        return decision_of(row, json.loads(value[0][0]))
