"""Every public function, method and class of the sizing core says what it takes and gives, in which unit."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3] / "reference" / "sizing"
# A claim is documented by the ledger entry that decorates it, which a reader sees in `workbook claims`.
MODULES = [path for path in sorted(ROOT.rglob("*.py")) if "claims" not in path.relative_to(ROOT).parts]
# Named alike everywhere: the JSON form, the table, the evidence, and what the base class documents.
CONVENTIONS = {"to_dict", "as_dataframe", "evidence", "summary"}
# A name with one of these ends carries its unit.
UNIT_NAME = re.compile(r"_(s|ms|usd|gb|bytes|tokens|tok_s|percent|share)$")


def undocumented(source: str) -> Iterator[str]:
    """Names that a reader meets without a word about them. A property may be told by its class."""

    def visit(nodes: list[ast.stmt], owner: str, told: str) -> Iterator[str]:
        for node in nodes:
            if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
                continue
            own = ast.get_docstring(node) or ""
            is_property = any("property" in ast.unparse(each) for each in node.decorator_list)
            by_class = is_property and (
                re.search(rf"\b{node.name}\b", told) is not None or UNIT_NAME.search(node.name) is not None
            )
            if not own and not by_class and node.name not in CONVENTIONS:
                yield f"{owner}{node.name}"
            if isinstance(node, ast.ClassDef):
                yield from visit(node.body, f"{node.name}.", own)

    yield from visit(ast.parse(source).body, "", "")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_public_has_a_docstring(path: Path) -> None:
    assert list(undocumented(path.read_text("utf-8"))) == []


def test_a_missing_docstring_is_seen_and_a_property_may_be_told_by_its_class() -> None:
    source = '''
class Queue:
    """A line. wait: mean seconds in it."""

    @property
    def wait(self): ...

    @property
    def length(self): ...

    @property
    def work_s(self): ...

    def serve(self): ...

    def _hidden(self): ...

    def to_dict(self): ...

def drain(rate): ...
'''
    assert list(undocumented(source)) == ["Queue.length", "Queue.serve", "drain"]
