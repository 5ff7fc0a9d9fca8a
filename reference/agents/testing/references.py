"""Which tests know a function: by its name, its module's import, or a file of the same stem."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from reference.agents.types import Change, ChangedFile, Role

_TEST_PATH = re.compile(
    r"(^|/)(tests?|testing|__tests__|specs?)/|(^|/)(test_[^/]*|[^/]*_tests?|tests?)\.py$"
    r"|\.(test|spec|cy)\.[cm]?[jt]sx?$|_test\.go$"
)
_CODE = (".py", ".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".go")
_FAMILY = {"javascript": "web", "typescript": "web", "tsx": "web", "jsx": "web"}
# Words so usual that they say nothing about which function a test means.
_USUAL = frozenset(
    {
        "add",
        "apply",
        "build",
        "call",
        "check",
        "clear",
        "close",
        "copy",
        "count",
        "create",
        "data",
        "debug",
        "delete",
        "error",
        "execute",
        "filter",
        "find",
        "format",
        "get",
        "handle",
        "index",
        "info",
        "init",
        "items",
        "join",
        "keys",
        "load",
        "main",
        "make",
        "match",
        "name",
        "next",
        "open",
        "parse",
        "path",
        "pop",
        "process",
        "read",
        "remove",
        "render",
        "reset",
        "run",
        "save",
        "send",
        "set",
        "split",
        "start",
        "stop",
        "test",
        "update",
        "validate",
        "value",
        "values",
        "write",
    }
)
_CHECK = re.compile(
    r"\bassert|\braises\b|\bexpect\s*\(|\.should\b|\bt\.(Error|Fatal|Errorf|Fatalf|Fail)|\brequire\.|\bdef test"
    r"|\bfunc Test|\b(it|test)\s*\(|parametrize|\bassert_\w+|pytest\.param"
)


def is_test_path(path: str) -> bool:
    """Whether the path is of test code, by its ending and its folder or name."""
    return path.endswith(_CODE) and bool(_TEST_PATH.search(path))


def family(language: str) -> str:
    """JavaScript and TypeScript test each other."""
    return _FAMILY.get(language, language)


def module_name(path: str) -> str:
    """What an import calls the file: its stem, or its folder for `__init__.py` and `index.ts`."""
    pure = PurePosixPath(path)
    stem = pure.name.split(".")[0]
    return pure.parent.name if stem in {"__init__", "index", "mod"} and pure.parent.name else stem


@dataclass(frozen=True, eq=False)
class Tests:
    """The tests that a change brings, and those of the snapshot that it leaves alone."""

    change: Change

    @cached_property
    def changed(self) -> tuple[ChangedFile, ...]:
        """Test files that stay and have changed lines; other files in test folders (data, snapshots) included."""
        return tuple(
            x for x in self.change.files
            if x.status != "deleted" and (x.role is Role.TEST or is_test_path(x.path) or _TEST_PATH.search(x.path))
        )  # fmt: skip

    @cached_property
    def working(self) -> tuple[ChangedFile, ...]:
        """Those whose added lines check something, or bring data that a test reads."""
        return tuple(x for x in self.changed if x.added and (not x.path.endswith(_CODE) or _checks(x)))

    @cached_property
    def existing(self) -> tuple[str, ...]:
        """Test files of the snapshot outside the change; empty without a snapshot."""
        if self.change.snapshot is None:
            return ()
        mine = {x.path for x in self.change.files}
        return tuple(x for x in self.change.snapshot.paths() if x not in mine and is_test_path(x))

    def any_in(self, language: str) -> bool:
        """Whether the repository, as far as it is known, has tests in this language."""
        kin = {"python": (".py",), "go": (".go",)}.get(language, _CODE[1:-1])
        known = [x.path for x in self.change.files if is_test_path(x.path)]
        return any(x.endswith(kin) for x in (*known, *self.existing))

    def changed_know(self, path: str, names: Iterable[str], language: str) -> bool:
        """A changed test of the same language names one of the functions or imports their module."""
        names = tuple(names)
        for test in self.working:
            if test.language and family(test.language) != family(language):
                continue
            text = test.after if test.after is not None else "\n".join(test.added.values())
            if _same_stem(path, test.path) or _imports(text, path) or any(_word(text, x) for x in names):
                return True
        return False

    def existing_know(self, path: str, name: str, owner: str = "") -> bool:
        """A test outside the change names the function (a usual word counts only beside its module or class)."""
        among: Sequence[str] = self.existing
        snapshot = self.change.snapshot
        if snapshot is None or not among:
            return False
        if name.startswith("__") and owner:
            name = owner.rsplit(".", 1)[-1]
        found = snapshot.grep(name, among)
        if not found or not (name.lower() in _USUAL or len(name) < 4):
            return bool(found)
        beside = owner.rsplit(".", 1)[-1] or module_name(path)
        return bool(set(found) & set(snapshot.grep(beside, found)))

    def existing_import(self, path: str) -> bool:
        """A test outside the change has the module's name, in its text or as its own stem."""
        snapshot = self.change.snapshot
        if any(_same_stem(path, x) for x in self.existing):
            return True
        return snapshot is not None and bool(snapshot.grep(module_name(path), self.existing))


def _checks(file: ChangedFile) -> bool:
    return any(_CHECK.search(x) for x in file.added.values()) or len(file.added) > len(file.removed) + 3


def _same_stem(path: str, test: str) -> bool:
    stem = PurePosixPath(test).name.split(".")[0]
    bare = re.sub(r"^tests?_|_tests?$", "", stem)
    return bare == module_name(path).strip("_")


def _imports(text: str, path: str) -> bool:
    name = re.escape(module_name(path))
    return bool(
        re.search(rf"^\s*(from|import)\s[^#\n]*\b{name}\b|(from|require\()\s*['\"][^'\"\n]*\b{name}\b", text, re.M)
    )


def _word(text: str, name: str) -> bool:
    return len(name) > 3 and name.lower() not in _USUAL and bool(re.search(rf"\b{re.escape(name)}\b", text))
