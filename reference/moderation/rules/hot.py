"""Rules that follow their files: a change is loaded beside the old rules and takes their place between two batches."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from pathlib import Path

from reference.moderation.rules.ruleset import DEFAULT_RULES, RuleSet
from reference.moderation.rules.schema import rule_files
from reference.moderation.types import ModerationError

_Signature = tuple[tuple[str, int, int, int], ...]


class HotRules:
    """The newest rules that were fit to use.

    Attributes:
        problem: why the files as they are now were not taken; empty while files and rules agree.
        reloads: how often rules were replaced.
    """

    def __init__(
        self, paths: Path | str | Iterable[Path | str] = DEFAULT_RULES, every: float = 1.0, background: bool = True
    ) -> None:
        """ModerationError if the first load fails: there is nothing older to fall back on.

        `every`: seconds between looks at the files. `background`: load in a thread, so that no batch waits for it.
        """
        self._paths = [paths] if isinstance(paths, str | Path) else list(paths)
        self._every = every
        self._background = background
        self._signature = self._look()
        self._rules = RuleSet.load(self._paths)
        self._next = time.monotonic() + every
        self._loading = threading.Lock()
        self.problem = ""
        self.reloads = 0

    @property
    def version(self) -> str:
        return self._rules.version

    def current(self) -> RuleSet:
        """The rules for one batch; keep the result for the whole of it. Starts a look at the files when it is time."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + self._every
            if self._background:
                if not self._loading.locked():
                    threading.Thread(target=self.check, name="rules-reload", daemon=True).start()
            else:
                self.check()
        return self._rules

    def check(self) -> bool:
        """Look now; True if new rules were taken. Never raises: what is wrong with new files stands in `problem`."""
        if not self._loading.acquire(blocking=False):
            return False  # another thread is at it; this one goes on with the rules there are
        try:
            signature = self._look()
            if signature == self._signature:
                return False
            try:
                fresh = RuleSet.load(self._paths)
            except Exception as error:  # whatever is wrong with the new files, the old rules go on
                self.problem = str(error) or type(error).__name__
                # A file caught half-written is looked at again; a broken one only after its next change.
                self._signature = signature if self._look() == signature else ()
                return False
            if self._look() != signature:
                return False  # changed while it was read: the next look reads it whole
            self._signature = signature
            self.problem = ""
            if fresh.version == self._rules.version:
                return False
            self._rules = fresh
            self.reloads += 1
            return True
        finally:
            self._loading.release()

    def _look(self) -> _Signature:
        found = []
        try:
            for file in rule_files(self._paths):
                status = file.stat()
                found.append((str(file), status.st_mtime_ns, status.st_size, status.st_ino))
        except (OSError, ModerationError) as error:
            return ((str(error), -1, -1, -1),)  # loading will say the same, with the file's name
        return tuple(found)
