"""Rules of the repository that no other tool checks."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("reference", "exercises", "workbook")
LONGEST_MODULE = 400

# A room may import from those it lists, and from itself.
ROOMS = {
    "reference.sizing": (),
    "reference": ("reference",),
    "exercises": ("reference",),
    "workbook": ("reference", "exercises"),
}
# Seconds to import: inside the functions that need them only.
HEAVY = {
    "vllm",
    "torch",
    "transformers",
    "guidellm",
    "sentence_transformers",
    "ray",
    "scipy.stats",
    "jupyterlab",
    "litellm",
}
PURE = {"redis", "httpx", "openai", "fastapi", "uvicorn", "requests", "socket", "subprocess"}  # not in reference.sizing


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def modules() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(tree: ast.Module, module: str, is_package: bool, top_level_only: bool = False) -> set[str]:
    """Full names that a module imports. top_level_only: leaves out functions and `if TYPE_CHECKING:`."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".") if is_package else module.split(".")[:-1]
                parts = parts[: len(parts) - node.level + 1]
                base = ".".join([*parts, base] if base else parts)
            found.add(base)
            found.update(f"{base}.{alias.name}" for alias in node.names)
        if top_level_only:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                return
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                for child in node.orelse:
                    visit(child)
                return
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(tree)
    return found


def imports_of(path: Path, top_level_only: bool = False) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return imports(tree, name_of(path), path.name == "__init__.py", top_level_only)


def is_in(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def breaches(module: str, imported: set[str]) -> set[str]:
    """Imports of our own packages that point up."""
    room = next(room for room in ROOMS if is_in(module, room))
    allowed = (room, *ROOMS[room])
    own = {name for name in imported if any(is_in(name, package) for package in PACKAGES)}
    return {
        name
        for name in own
        # `import reference` on the way to reference.sizing is the package itself
        if name != "reference" and not any(is_in(name, package) for package in allowed)
    }


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_imports_point_down(path):
    assert breaches(name_of(path), imports_of(path)) == set()


def test_an_import_that_points_up_is_seen():
    def found(module: str, code: str) -> set[str]:
        return breaches(module, imports(ast.parse(code), module, False))

    assert found("reference.sizing.units", "from reference.serving import engine")
    assert found("reference.sizing.units", "from ..serving import engine")
    assert found("reference.sizing.units", "def f():\n    import workbook.values")
    assert found("reference.serving.engine", "from workbook import paths")
    assert not found("reference.serving.engine", "from reference.sizing import units")
    assert not found("reference.sizing.units", "from .bands import check")


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_heavy_packages_are_imported_where_they_are_used(path):
    at_import = {name for name in imports_of(path, top_level_only=True) if any(is_in(name, heavy) for heavy in HEAVY)}
    assert at_import == set()


def test_a_heavy_import_at_the_top_is_seen():
    def found(code: str) -> set[str]:
        return imports(ast.parse(code), "reference.serving.x", False, top_level_only=True) & HEAVY

    assert found("from scipy import stats") == {"scipy.stats"}
    assert found("try:\n    import torch\nexcept ImportError:\n    torch = None") == {"torch"}
    assert found("def f():\n    import torch") == set()
    assert found("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch") == set()


@pytest.mark.parametrize("path", [p for p in modules() if is_in(name_of(p), "reference.sizing")], ids=name_of)
def test_the_sizing_core_reaches_for_no_network_and_no_process(path):
    at_import = {name.split(".")[0] for name in imports_of(path, top_level_only=True)}
    assert at_import & PURE == set()


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_a_module_is_short_enough_to_read(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST_MODULE, "one subject each: split it"


# Built from parts, so that this file does not find itself.
REGISTRIES = re.compile(
    "|".join(
        [
            r"pypi\." + "org",
            r"files\.python" + "hosted",
            r"registry\.npm" + "js",
            r"download\.py" + "torch",
            r"conda\." + "anaconda",
            r"https?://\S*/simp" + r"le\b",
        ]
    )
)
WORKPLACES = re.compile(r"(?<![\w.])/wor" + r"k/|/opt/whee" + r"ls")


def texts() -> list[tuple[Path, str]]:
    found = []
    for path in tracked():
        try:
            found.append((path, path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue
    return found


@pytest.mark.parametrize(("what", "pattern"), [("package registry", REGISTRIES), ("path of a workplace", WORKPLACES)])
def test_tracked_files_name_no(what, pattern):
    hits = [
        f"{path.relative_to(ROOT)}:{number}: {match[0]}"
        for path, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if (match := pattern.search(line))
    ]
    assert hits == [], what


def test_the_patterns_see_what_they_look_for():
    assert REGISTRIES.search("index-url = https://" + "mirror.example/simp" + "le")
    assert WORKPLACES.search("cd /wor" + "k/main")
    assert not WORKPLACES.search("the folder framework/main and a net/work/share")


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    found = {}
    for line in lines:
        if line.strip() and not line.startswith("#"):
            name, equals, version = line.partition("==")
            assert equals, f"{line!r} is no pin"
            assert name not in found, f"{name} is pinned twice"
            found[name.lower().replace("_", "-")] = version
    return found


def test_constraints_are_plain_pins_without_addresses():
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert "://" not in text
    assert "@" not in text
    assert all(re.fullmatch(r"\d[\w.!]*", version) for version in pins().values())


def test_every_dependency_of_every_extra_is_pinned():
    from packaging.requirements import Requirement

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lines = [*project["project"]["dependencies"]]
    for extra in project["project"]["optional-dependencies"].values():
        lines += extra
    lines += project["tool"]["workbook"]["install-without-dependencies"]
    pinned = pins()
    for line in lines:
        requirement = Requirement(line)
        version = pinned.get(requirement.name.lower().replace("_", "-"))
        assert version, f"{requirement.name} has no pin: `make constraints`"
        assert requirement.specifier.contains(version, prereleases=True), f"{line} does not allow {version}"


def test_every_notebook_is_listed():
    from workbook.runner import listing

    assert {notebook.path for notebook in listing.load(ROOT / "notebooks")} == set(listing.on_disk(ROOT / "notebooks"))


def test_executed_copies_stay_out_of_git():
    ignored = subprocess.run(["git", "check-ignore", "-q", "runs/x/q1.ipynb"], cwd=ROOT, check=False)
    if ignored.returncode == 128:
        pytest.skip("not a git checkout")
    assert ignored.returncode == 0


def test_hooks_use_this_checkout_s_tools_and_download_nothing():
    import yaml

    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    hooks = config["repos"][0]["hooks"]
    assert all(hook["language"] == "system" and hook["entry"].startswith(".venv/bin/") for hook in hooks)
    assert {hook["id"] for hook in hooks} >= {"ruff-check", "ruff-format", "pair", "mypy"}
