"""Who may import whom: the contracts of pyproject.toml, and what a parser of import lines cannot say."""

from __future__ import annotations

import ast
from copy import deepcopy
from pathlib import Path

import grimp
import pytest
from importlinter.api import read_configuration
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.layers import LayersContract

ROOT = Path(__file__).resolve().parents[2]
KINDS = {"layers": LayersContract, "forbidden": ForbiddenContract}
CONFIGURED = read_configuration(str(ROOT / "pyproject.toml"))
SETTINGS = CONFIGURED["session_options"]
CONTRACTS = {options["id"]: options for options in CONFIGURED["contracts_options"]}
# Answer cells, not modules: the folder is no package.
SOLUTIONS = ROOT / "exercises" / "solutions"
# Seconds to import: inside the functions that need them only.
HEAVY = (
    "vllm",
    "torch",
    "transformers",
    "guidellm",
    "sentence_transformers",
    "ray",
    "scipy.stats",
    "jupyterlab",
    "litellm",
)


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*SETTINGS["root_packages"], include_external_packages=True, cache_dir=None)


def chains(contract: str, graph: grimp.ImportGraph) -> list[str]:
    """What breaks the contract: `importer -> imported` of every step of every forbidden chain."""
    options = CONTRACTS[contract]
    check = KINDS[options["type"]](options["name"], SETTINGS, options).check(graph=deepcopy(graph), verbose=False)
    found: list[str] = []

    def collect(part: object) -> None:
        if isinstance(part, dict) and {"importer", "imported", "line_numbers"} <= part.keys():
            found.append(f"{part['importer']} -> {part['imported']}")
        elif isinstance(part, dict | list | tuple):
            for one in part.values() if isinstance(part, dict) else part:
                collect(one)

    collect(check.metadata)
    assert bool(found) is not check.kept
    return sorted(set(found))


@pytest.mark.parametrize("contract", CONTRACTS)
def test_the_rooms_keep_their_contract(contract, graph):
    assert chains(contract, graph) == []


@pytest.mark.parametrize(
    ("contract", "importer", "imported"),
    [
        ("rooms", "reference.sizing.units", "reference.serving.engine"),
        ("rooms", "reference.serving.models", "reference.rag.types"),
        ("rooms", "reference.rag.types", "reference.moderation.types"),
        ("rooms", "reference.moderation.types", "reference.agents.types"),
        ("rooms", "reference.agents.types", "reference.moderation.types"),
        ("rooms", "reference.agents.types", "exercises.model"),
        ("rooms", "exercises.model", "workbook.errors"),
        ("embedder", "reference.moderation.judge.llm", "reference.rag.answer"),
        ("pure", "reference.sizing.units", "redis"),
        ("pure", "reference.sizing.traffic", "subprocess"),
        ("sent", "workbook.grading.sandbox.plain", "exercises.builds"),
    ],
)
def test_an_import_that_breaks_a_contract_is_seen(contract, importer, imported, graph):
    assert {importer, imported} <= graph.modules | {"redis", "subprocess"}
    changed = deepcopy(graph)
    changed.add_import(importer=importer, imported=imported)
    assert f"{importer} -> {imported}" in chains(contract, changed)


def modules() -> list[Path]:
    return sorted(path for package in SETTINGS["root_packages"] for path in (ROOT / package).rglob("*.py"))


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_the_contracts_see_every_module(graph):
    # A folder without an __init__.py would be passed over without a word.
    named = {name_of(path) for path in modules() if not path.is_relative_to(SOLUTIONS)}
    assert sorted(named - graph.modules) == []


def imported(tree: ast.Module, at_import_only: bool = False) -> set[str]:
    """Full names of absolute imports. at_import_only: without those in functions and below `if TYPE_CHECKING:`."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module or "")
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        if at_import_only and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            return
        if at_import_only and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            children = iter(node.orelse)
        else:
            children = ast.iter_child_nodes(node)
        for child in children:
            visit(child)

    visit(tree)
    return found


def of_packages(names: set[str], packages: tuple[str, ...]) -> set[str]:
    return {name for name in names if any(name == one or name.startswith(f"{one}.") for one in packages)}


def test_heavy_packages_are_imported_where_they_are_used():
    texts = {name_of(path): path.read_text("utf-8") for path in modules()}
    roots = {name.split(".")[0] for name in HEAVY}
    at_import = {
        name: heavy
        for name, text in texts.items()
        if any(root in text for root in roots)  # parsing all of them takes seconds
        and (heavy := of_packages(imported(ast.parse(text), at_import_only=True), HEAVY))
    }
    assert at_import == {}


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("from scipy import stats", {"scipy.stats"}),
        ("try:\n    import torch\nexcept ImportError:\n    torch = None", {"torch"}),
        ("class A:\n    import vllm.engine", {"vllm.engine"}),
        ("def f():\n    import torch", set()),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch", set()),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import numpy\nelse:\n    import torch", {"torch"}),
    ],
)
def test_a_heavy_import_at_the_top_is_seen(code, heavy):
    assert of_packages(imported(ast.parse(code), at_import_only=True), HEAVY) == heavy


def test_worked_solutions_use_nothing_of_the_package_that_checks_them():
    paths = sorted(SOLUTIONS.rglob("*.py"))
    own = {
        str(path.relative_to(SOLUTIONS)): names
        for path in paths
        if (names := of_packages(imported(ast.parse(path.read_text("utf-8"))), tuple(SETTINGS["root_packages"])))
    }
    assert paths
    assert own == {}
