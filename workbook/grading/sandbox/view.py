"""What a student's code can see of this machine: a Python with its standard library, shared libraries, numpy."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

# Where packages lie inside; the runner puts it on sys.path.
PACKAGES = "/packages"
WORK = "/tmp"
DEVICES = ("null", "zero", "full", "random", "urandom")
_LIBRARIES = ("/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/nix/store", "/etc/ld.so.cache")


@dataclass(frozen=True)
class View:
    """python: the interpreter's path inside. binds: (here, inside), read-only. links: (target, inside). hidden: folders
    below the binds that are covered with an empty one."""

    python: str
    binds: tuple[tuple[str, str], ...]
    links: tuple[tuple[str, str], ...]
    hidden: tuple[str, ...]


@cache
def view() -> View:
    """Read from the interpreter that runs this. Paths are the same inside, except for numpy's."""
    python = str(Path(sys.executable).resolve())
    wanted = [*_LIBRARIES, *(f"{root}/lib" for root in _prefixes()), *(f"{root}/lib64" for root in _prefixes())]
    wanted.append(str(Path(os.__file__).parent))
    links: list[tuple[str, str]] = []
    trees: list[str] = []
    for path in dict.fromkeys(wanted):
        here = Path(path)
        if os.path.islink(path) and here.parent == Path("/"):  # /lib -> usr/lib
            links.append((str(here.readlink()), path))
        elif os.path.exists(path) and not any(here.is_relative_to(tree) for tree in trees):
            trees.append(path)
    hidden = [path for path in _hidden() if any(Path(path).is_relative_to(tree) for tree in trees)]
    if not any(Path(python).is_relative_to(tree) for tree in trees):
        trees.append(python)
    binds = [(tree, tree) for tree in trees] + [(str(path), f"{PACKAGES}/{path.name}") for path in numpy_folders()]
    return View(python, tuple(binds), tuple(links), tuple(hidden))


def _prefixes() -> tuple[str, ...]:
    """Where this Python is installed, by the names it may look for itself under."""
    names = (sys.base_prefix, sys.base_exec_prefix, os.path.realpath(sys.base_prefix))
    beside = Path(sys.executable).resolve().parent.parent
    return tuple(dict.fromkeys((*names, str(beside))))


def numpy_folders() -> list[Path]:
    """numpy and the libraries that its wheel brings; empty where it is not installed."""
    spec = find_spec("numpy")
    if spec is None or not spec.submodule_search_locations:
        return []
    package = Path(next(iter(spec.submodule_search_locations)))
    return [path for path in (package, package.with_name("numpy.libs")) if path.is_dir()]


def _hidden() -> list[str]:
    """Installed packages (this workbook may be one of them), and the workbook's own folder wherever it lies."""
    roots = {*_prefixes(), "/usr", "/usr/local"}
    found = {
        path
        for root in roots
        for pattern in ("lib*/python3*/site-packages", "lib*/python3*/dist-packages")
        for path in Path(root).glob(pattern)
        if path.is_dir() and not path.is_symlink()
    }
    project = Path(__file__).resolve().parents[3]
    # An installed workbook lies in site-packages itself, a checkout in a folder of its own.
    found.add(project)
    tops = [path for path in found if not any(path != other and path.is_relative_to(other) for other in found)]
    return sorted(str(path) for path in tops)
