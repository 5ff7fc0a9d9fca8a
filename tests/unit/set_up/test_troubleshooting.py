"""docs/troubleshooting.md against the sources: no row for a message that is gone, a row for every known failure."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from setup_project import ROOT
from setup_steps.failures import KNOWN

from reference.serving.engine.failures import KNOWN_FAILURES

SOURCES = ("scripts/setup_env.py", "scripts/setup_steps", "workbook", "reference/serving")
HOLE = "…"


def rows() -> list[list[str]]:
    lines = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8").splitlines()
    table = [line for line in lines if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def text_of(node: ast.AST) -> str | None:
    """What a string expression says, with a hole for every value; None for other expressions."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) if isinstance(part, ast.Constant) else HOLE for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = text_of(node.left), text_of(node.right)
        return None if left is None and right is None else f"{left or HOLE}{right or HOLE}"
    return None


@cache
def literals() -> tuple[str, ...]:
    found = {(ROOT / "Makefile").read_text().replace("\\\n\t", "")}
    for source in SOURCES:
        path = ROOT / source
        for file in [path] if path.is_file() else path.rglob("*.py"):
            found |= {text for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if (text := text_of(node))}
    return tuple(text.replace("`", "") for text in found)


def is_said(message: str) -> bool:
    """A hole of the message stands for anything, and so does one of the source for any word of the message."""
    pattern = re.compile(".*?".join(re.escape(part) for part in message.strip("`").replace("`", "").split(HOLE)), re.S)
    return any(pattern.search(text) for text in literals())


@pytest.mark.slow
@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0][:60])
def test_every_row_has_a_message_of_the_sources_a_reason_and_something_to_do(row):
    message, why, mend = row
    assert why
    assert mend
    if message.startswith("*"):
        return  # another program's
    assert re.fullmatch(r"`[^`]+`", message)
    assert len(message.replace(HOLE, "")) > 10
    assert is_said(message)


@pytest.mark.slow
def test_a_message_that_no_source_has_is_seen():
    assert not is_said("`the moon is in the way of the package index`")
    assert not is_said("`the disk is … empty`")


def messages() -> list[str]:
    return [row[0].strip("`") for row in rows()]


@pytest.mark.parametrize("why", [why for _, why, _ in KNOWN])
def test_every_failure_of_pip_and_uv_that_is_known_has_a_row(why):
    assert any(why.startswith(message) or message.startswith(why) for message in messages())


@pytest.mark.parametrize("mend", [mend for _, mend in KNOWN_FAILURES])
def test_every_failure_of_the_engine_that_is_known_has_a_row_or_names_its_setting(mend):
    rowed = any(mend.startswith(message) for message in messages())
    assert rowed or re.search(r"WORKBOOK_ENGINE_ARGS|workbook doctor --fix|AVX2", mend)


def refusals() -> list[str]:
    """The first argument of every StepFailed that is written out in the set-up."""
    found = []
    for file in Path(ROOT / "scripts" / "setup_steps").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "StepFailed" and node.args:
                text = text_of(node.args[0])
                if text and re.search(r"[a-z]{3} [a-z]{2}", text):
                    found.append(text)
    return found


@pytest.mark.parametrize("text", refusals())
def test_every_refusal_of_the_set_up_has_a_row(text):
    parts = [message.split(HOLE) for message in messages()]
    assert any(all(piece.strip() in text for piece in row) for row in parts if any(len(p) > 8 for p in row))


def test_the_readme_leads_here():
    assert "docs/troubleshooting.md" in (ROOT / "README.md").read_text(encoding="utf-8")
