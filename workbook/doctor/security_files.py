"""Files of this user that others on the machine must not read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workbook.doctor.model import Check, Status

_MOST_SHOWN = 5
# Deeper than this below the project nobody hands out assignments.
_DEPTH = 4


@dataclass(frozen=True)
class Private:
    """A file or folder with what it holds. secret: it lets somebody in; else it is private, as grades and notes are."""

    path: Path
    holds: str
    secret: bool = False


def private_files() -> Iterator[Private]:
    """Everything that the workbook writes for its user alone, where it exists now."""
    for one in (*_engine(), *_redis(), *_reader(), *_reviews(), *_keys(), *_courses()):
        if one.path.exists():
            yield one


def _cache() -> Path:
    import platformdirs

    return Path(os.environ.get("WORKBOOK_CACHE") or platformdirs.user_cache_dir("ai-design-workbook")).expanduser()


def _engine() -> Iterator[Private]:
    folder = _cache() / "engine"
    yield Private(folder, "the engine's key and log", secret=True)
    yield Private(folder / "state.json", "the engine's key", secret=True)
    yield Private(folder / "engine.log", "what the engine prints")


def _redis() -> Iterator[Private]:
    from reference.serving import redis_store

    folder = redis_store.runtime_dir()
    yield Private(folder, "the private Redis", secret=True)
    yield Private(folder / "dump.rdb", "hashes of API keys, sessions, the webhooks' secret", secret=True)


def _reader() -> Iterator[Private]:
    from exercises.progress.store import path as progress_file
    from workbook.interview import log

    if (file := progress_file()) is not None:
        yield Private(file, "your progress")
    yield Private(log.folder(), "your interviews")
    yield from (Private(file, "an interview") for file in log.files())


def _reviews() -> Iterator[Private]:
    folder = _cache() / "review"
    yield from (Private(file, "pull requests that were reviewed") for file in sorted(folder.glob("*.db")))
    yield from (Private(folder, "an index of your documents") for folder in sorted((_cache() / "indexes").glob("*")))


def _keys() -> Iterator[Private]:
    if named := os.environ.get("RAG_KEYS_FILE", "").strip():
        yield Private(Path(named).expanduser(), "hashes of the service's keys", secret=True)


def _courses() -> Iterator[Private]:
    """Assignments below the project and the current folder: those elsewhere are not known."""
    from workbook.grading.assignment import INSTRUCTOR, RECORD
    from workbook.grading.grade import GRADED
    from workbook.paths import project_root

    for root in {project_root(), Path.cwd()}:
        for record in _below(root, RECORD):
            if record.parent.name == INSTRUCTOR:
                yield Private(record.parent, "the assignment's secret", secret=True)
                yield Private(record, "the assignment's secret", secret=True)
                yield Private(record.parent.parent / GRADED, "grades")


def _below(root: Path, name: str) -> Iterator[Path]:
    for folder, below, names in os.walk(root):
        deep = len(Path(folder).relative_to(root).parts) >= _DEPTH
        below[:] = [] if deep else [one for one in below if not one.startswith(".") and one != "node_modules"]
        if name in names:
            yield Path(folder) / name


def open_to(one: Private) -> str:
    """What others may do with it; "" if nothing. A private file in a folder that others cannot enter is closed."""
    status = one.path.stat()
    if status.st_uid not in (os.getuid(), 0):
        return f"belongs to user {status.st_uid}"
    mode = stat.S_IMODE(status.st_mode)
    if not mode & 0o077:
        return ""
    if not one.secret and any(not folder.stat().st_mode & 0o011 for folder in one.path.absolute().parents):
        return ""
    return f"mode {mode:03o}"


def permissions() -> list[Check]:
    """One finding: nothing private is open, or what is, with the command that closes it."""
    looked, opened = 0, []
    for one in private_files():
        looked += 1
        if said := open_to(one):
            opened.append((one, said))
    if opened:
        shown = "; ".join(f"{one.path} ({one.holds}): {said}" for one, said in opened[:_MOST_SHOWN])
        more = f" and {len(opened) - _MOST_SHOWN} more" if len(opened) > _MOST_SHOWN else ""
        status: Status = "fail" if any(one.secret for one, _ in opened) else "warn"
        paths = " ".join(str(one.path) for one, _ in opened[:_MOST_SHOWN])
        return [Check("permissions", status, f"{shown}{more}", f"`chmod go= {paths}`")]
    if not looked:
        return [Check("permissions", "ok", "nothing private has been written yet")]
    return [Check("permissions", "ok", f"{looked} private files and folders, closed to other users")]
