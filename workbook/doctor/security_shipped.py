"""The files that NOTICE names, held to the hashes that it names; and that no model file is one that runs code."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workbook.doctor.model import Check

# Loading one of these may run code of the file, or unpack what nobody has looked at.
CODE_FORMATS = {".pkl", ".pickle", ".joblib", ".pt", ".pth", ".bin", ".ckpt", ".h5", ".keras", ".npy", ".npz", ".dill"}
# Whatever cannot be read in a diff is named in NOTICE.
BINARY_FORMATS = {".onnx", ".safetensors", ".gguf", ".ftz", ".gz", ".ttf", ".woff", ".woff2", ".png", ".jpg", ".pdf"}
_FIELD = re.compile(r"  (file|installed|fetched|sha256|version|licence|source|used by): (.+)")


@dataclass(frozen=True)
class Named:
    """One file of NOTICE. kind: `file` of the checkout, `installed` with a package, or `fetched` on demand."""

    entry: str
    kind: str
    path: str
    sha256: str


def entries(text: str) -> dict[str, dict[str, str]]:
    """Fields of every entry of NOTICE by its name, the files left out."""
    found: dict[str, dict[str, str]] = {}
    name = ""
    for line in text.splitlines():
        if field := _FIELD.fullmatch(line):
            found.setdefault(name, {})
            if field[1] not in ("file", "installed", "fetched", "sha256"):
                found[name][field[1]] = field[2]
        elif line and not line.startswith((" ", "=")):
            name = line
    return found


def named_files(text: str) -> list[Named]:
    """Every file that NOTICE names, with its hash. ValueError for a file without one."""
    found = []
    name, waiting = "", ("", "")
    for line in text.splitlines():
        field = _FIELD.fullmatch(line)
        if waiting[0] and not (field and field[1] == "sha256"):
            raise ValueError(f"NOTICE: {waiting[1]} is followed by no sha256")
        if field and field[1] in ("file", "installed", "fetched"):
            waiting = field[1], field[2]
        elif field and field[1] == "sha256":
            found.append(Named(name, *waiting, field[2]))
            waiting = "", ""
        elif line and not line.startswith((" ", "=")):
            name = line
    return found


def place(one: Named, root: Path) -> Path | None:
    """Where the file lies here; None if its package is not installed or it was not fetched."""
    if one.kind == "file":
        return root / one.path
    if one.kind == "fetched":
        return None
    package, _, rest = one.path.partition("/")
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))) / rest


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def differing(files: list[Named], root: Path) -> Iterator[str]:
    """What is not as NOTICE says, one line each."""
    for one in files:
        path = place(one, root)
        if path is None:
            continue
        if not path.is_file():
            yield f"{one.path} is missing"
        elif (found := sha256_of(path)) != one.sha256:
            yield f"{one.path} has sha256 {found}, not {one.sha256}"


def shipped(root: Path | None = None) -> list[Check]:
    """Files and hashes of NOTICE; binary files that it leaves out; formats that run code when they are loaded."""
    if root is None:
        from workbook.paths import project_root

        root = project_root()
    notice = root / "NOTICE"
    if not notice.is_file():
        return [Check("shipped files", "not checked", f"{notice} is missing", "use a whole checkout")]
    files = named_files(notice.read_text(encoding="utf-8"))
    wrong = list(differing(files, root))
    tracked = tracked_files(root)
    known = {one.path for one in files}
    binary = [name for name in tracked if Path(name).suffix in BINARY_FORMATS]
    wrong += [f"{name} is not in NOTICE" for name in binary if name not in known]
    wrong += [f"{name} may run code when it is loaded" for name in tracked if Path(name).suffix in CODE_FORMATS]
    if wrong:
        mend = "installed files: `make clean setup`; files of the checkout: `git status`, or a new line in NOTICE"
        return [Check("shipped files", "fail", "; ".join(wrong[:5]), mend)]
    looked = sum(place(one, root) is not None for one in files)
    return [Check("shipped files", "ok", f"{looked} files have the sha256 of NOTICE; no model file can run code")]


def tracked_files(root: Path) -> list[str]:
    """Names from the root; empty where it is no git checkout."""
    done = subprocess.run(["git", "-C", str(root), "ls-files", "-z"], capture_output=True, text=True, check=False)
    return [name for name in done.stdout.split("\0") if name]
