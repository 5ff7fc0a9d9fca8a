"""Which tests a mutant meets, and which of them first."""

from __future__ import annotations

import ast
from pathlib import Path

from mutation.loops import LOOPS, SMALL_RUNS

TOPS = ("reference", "exercises", "workbook")
FILES = 6  # test files of a module at most
# Tests that compare all that a room says with what was reviewed: seconds, and they meet nearly every line.
BROAD = "_as_reviewed"


class Imports:
    """Which test files a module has: those that import it, or what imports it, the closest first."""

    def __init__(self, root: Path, tests: list[str]) -> None:
        self.root = root
        self.modules = {self._name(path, root): path for top in TOPS for path in (root / top).rglob("*.py")}
        self.files = [
            path for one in tests for path in ([root / one] if one.endswith(".py") else (root / one).rglob("*.py"))
        ]
        self.by = {name: self._imported(path) for name, path in self.modules.items()}
        self.in_test = {path: self._imported(path) for path in sorted(self.files) if path.name.startswith("test_")}

    @staticmethod
    def _name(path: Path, root: Path) -> str:
        return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")

    def _imported(self, path: Path) -> set[str]:
        found = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                package = path.relative_to(self.root).parts[: -node.level] if node.level else ()
                module = ".".join((*package, *filter(None, [node.module])))
                found |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
        return found & self.modules.keys()

    def test_files(self, path: str) -> list[str]:
        """Paths below the root, at most FILES of them."""
        if LOOPS.search(path):
            return [str(test.relative_to(self.root)) for test in self.in_test if test.stem == SMALL_RUNS]
        wanted, stem = {self._name(self.root / path, self.root)}, Path(path).stem
        chosen = [test for test in self.in_test if test.stem.endswith(f"_{stem}")]
        chosen += [test for test in self.in_test if self._is_broad(test, path) and test not in chosen]
        for _distance in range(4):
            near = [test for test, names in self.in_test.items() if names & wanted and test not in chosen]
            chosen += sorted(near, key=lambda test: (stem not in test.stem, len(self.in_test[test]), str(test)))
            wanted |= {name for name, names in self.by.items() if names & wanted}
            if len(chosen) >= FILES:
                break
        # Loaded by its name, as claims are: the tests named for its folder.
        chosen = chosen or [test for test in self.in_test if test.stem.endswith(f"_{Path(path).parent.name}")]
        first = sorted(chosen[:FILES], key=lambda test: not self._is_broad(test, path))
        return [str(test.relative_to(self.root)) for test in first]

    @staticmethod
    def _is_broad(test: Path, path: str) -> bool:
        """Whether it reviews the room of the module; those about claims come in only for claims."""
        if not test.stem.endswith(BROAD) or f"/{test.parent.name}/" not in path:
            return False
        return "claims" not in test.stem or "/claims/" in path


def is_own(name: str, path: str) -> bool:
    """Whether a test (pytest's name) has the module itself as its parameter."""
    module = ".".join(Path(path).with_suffix("").parts).removesuffix(".__init__")
    return f"[{module}]" in name or f"[{module}-" in name
