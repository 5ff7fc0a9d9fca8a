"""Keys in the checkout, in its history and in what runs have written.

The forms are those of the guardrails: detect-secrets' and newer ones. Random-looking text is not taken for a key here:
a repository is full of hashes.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from workbook.doctor.model import Check
from workbook.doctor.security_data import split

# Variables whose value lets somebody in; a page or log must not show it.
KEY_VARIABLE = re.compile(r"(?i)(?:key|token|secret|password|pepper|credentials?)$")
SHORTEST_KEY = 8  # characters: a shorter value turns up by chance
LARGEST = 20_000_000  # bytes of a file that is read
_MOST_SHOWN = 5
Hit = tuple[str, str, int]


def keys_in(text: str, where: str) -> Iterator[Hit]:
    """(where, kind of key, line). The value itself is never part of a finding."""
    from reference.serving.guardrails.secret_rules import known_formats

    for match in known_formats(text):
        yield where, match.rule, text.count("\n", 0, match.start) + 1


def tree(root: Path | None = None) -> list[Check]:
    """Keys in the files that git tracks, or would take up."""
    root = root or _root()
    listed = _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    if listed is None:
        return [Check("secrets", "not checked", f"{root} is no git checkout", "`git clone` it, then check again")]
    hits: list[Hit] = []
    files = 0
    for name in filter(None, listed.split("\0")):
        if (text := _read(root / name)) is not None:
            files += 1
            hits += keys_in(text, name)
    left, unused = split("fake_secrets", hits)
    if left:
        return [Check("secrets", "fail", f"{len(left)} keys: {_shown(left)}", "withdraw the key, then remove it here")]
    if unused:
        gone = ", ".join(one.where for one in unused)
        return [Check("secrets", "warn", f"security.toml allows what is gone: {gone}", "remove the entries")]
    return [Check("secrets", "ok", f"{files} files, no key; {len(hits)} made-up ones, each with its reason")]


def history(root: Path | None = None) -> list[Check]:
    """Keys in every text that any commit ever held. Each text is read once, whatever number of commits hold it."""
    root = root or _root()
    objects = _git(root, "rev-list", "--all", "--objects")
    if objects is None:
        return [Check("history", "not checked", f"{root} is no git checkout", "`git clone` it, then check again")]
    if (_git(root, "rev-parse", "--is-shallow-repository") or "").strip() == "true":
        return [Check("history", "not checked", "a shallow clone holds only the end of it", "`git fetch --unshallow`")]
    names: dict[str, str] = {}
    for line in objects.splitlines():
        sha, _, name = line.partition(" ")
        if name:
            names.setdefault(sha, name)
    hits: list[Hit] = []
    texts = 0
    for sha, text in _blobs(root, names):
        texts += 1
        hits += keys_in(text, f"{names[sha]}@{sha[:10]}")
    left = [hit for hit in hits if not _is_fake(hit)]
    if left:
        mend = "withdraw the keys: whoever cloned the project has them"
        return [Check("history", "fail", f"{len(left)} keys: {_shown(left)}", mend)]
    return [Check("history", "ok", f"{texts} texts of all commits, no key; {len(hits)} made-up ones, by their files")]


def _is_fake(hit: Hit) -> bool:
    """A file's older versions may hold other made-up keys than it does now, in other numbers."""
    from fnmatch import fnmatchcase

    from workbook.doctor.security_data import allowed

    name = hit[0].rpartition("@")[0]
    return any(fnmatchcase(name, one.where) for one in allowed("fake_secrets"))


def _blobs(root: Path, names: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Texts of the repository, read through one process; what is large or binary is left out."""
    command = ["git", "-C", str(root), "cat-file", "--batch", "--unordered"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for sha in names:
            # One at a time: with all of them written first, both sides would wait for a full pipe.
            process.stdin.write(sha.encode() + b"\n")
            process.stdin.flush()
            head = process.stdout.readline().split()
            raw = process.stdout.read(int(head[2]) + 1)[:-1]
            if head[1] == b"blob" and len(raw) <= LARGEST and b"\0" not in raw[:8000]:
                yield sha, raw.decode("utf-8", "replace")
        process.stdin.close()


def key_variables(environment: dict[str, str] | None = None) -> dict[str, str]:
    """Variables of this process that hold keys, by name."""
    environment = dict(os.environ) if environment is None else environment
    return {
        name: value
        for name, value in environment.items()
        if KEY_VARIABLE.search(name) and len(value.strip()) >= SHORTEST_KEY and not Path(value).exists()
    }


def runs(folder: Path | None = None) -> list[Check]:
    """Keys, values of key variables and paths of this user's home in what runs have written."""
    folder = folder or _root() / "runs"
    if not folder.is_dir():
        return [Check("runs", "ok", "nothing has been run yet")]
    keys, home = key_variables(), str(Path.home())
    found: list[Hit] = []
    files, with_home = 0, 0
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_file() or (text := _read(path)) is None:
            continue
        files += 1
        name = path.relative_to(folder).as_posix()
        found += keys_in(text, name)
        found += [(name, f"value of {variable}", 0) for variable, value in keys.items() if value in text]
        with_home += home in text
    left, _ = split("fakes_in_runs", found)
    if left:
        return [Check("runs", "fail", f"{len(left)} keys: {_shown(left)}", "withdraw the key, remove the run's folder")]
    if with_home:
        said = f"{files} files, no key; {with_home} name this user's home folder ({home})"
        return [Check("runs", "warn", said, "before you pass a run on, replace the path in its files")]
    return [Check("runs", "ok", f"{files} files, no key, no path of this user's home")]


def _read(path: Path) -> str | None:
    """A text; None for what is no text, too large or gone."""
    try:
        if path.stat().st_size > LARGEST:
            return None
        raw = path.read_bytes()
    except OSError:
        return None
    return None if b"\0" in raw[:8000] else raw.decode("utf-8", "replace")


def _shown(hits: list[Hit]) -> str:
    shown = "; ".join(f"{path}{f':{line}' if line else ''} {what}" for path, what, line in hits[:_MOST_SHOWN])
    return shown + (f" and {len(hits) - _MOST_SHOWN} more" if len(hits) > _MOST_SHOWN else "")


def _git(root: Path, *args: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(root), *args], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout


def _root() -> Path:
    from workbook.paths import project_root

    return project_root()
