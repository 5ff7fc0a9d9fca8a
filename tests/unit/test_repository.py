"""Rules of the repository that no other tool checks."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("reference", "exercises", "workbook")
LONGEST_MODULE = 300


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


def test_a_module_is_short_enough_to_read():
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in modules()}
    too_long = {str(path.relative_to(ROOT)): count for path, count in lines.items() if count > LONGEST_MODULE}
    assert too_long == {}, "one subject each: split it"


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


@pytest.mark.slow
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
