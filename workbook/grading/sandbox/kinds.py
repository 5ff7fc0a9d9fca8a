"""Ways to keep a student's code apart: each wraps a command so that it runs with a view of its own."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

from workbook.grading.sandbox.lock import filtered
from workbook.grading.sandbox.view import DEVICES, PACKAGES, WORK, numpy_folders, view
from workbook.grading.types import Limits

_HERE = Path(__file__).parent
# Files in the working folder: each takes kernel memory beside its bytes.
INODES = 4096


class Sandbox(Protocol):
    """name: as it is told to people. protected: whether it keeps code from this machine, or only limits it."""

    @property
    def name(self) -> str: ...

    @property
    def protected(self) -> bool: ...

    def command(self, inner: Sequence[str], limits: Limits, uid: int | None) -> list[str]:
        """The command that runs `inner`. uid: whom it will become, None where it stays who it is."""
        ...


@dataclass(frozen=True)
class Bubblewrap:
    """bwrap, as it sandboxes Flatpak's applications."""

    program: str = "bwrap"
    name: str = "bubblewrap"
    protected: bool = True

    def command(self, inner: Sequence[str], limits: Limits, uid: int | None) -> list[str]:
        seen = view()
        command = [self.program, "--die-with-parent", "--new-session", "--hostname", "sandbox"]
        command += ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
        if uid is None:
            command += ["--unshare-user", "--uid", "1000", "--gid", "1000"]
            if not filtered(os.uname().machine):  # needs bwrap 0.8; the filter of calls does as much
                command.append("--disable-userns")
        else:  # root needs no user namespace, and must change to a user whose processes are counted
            command += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
            command += ["--cap-add", "CAP_SETPCAP"]
        for target, path in seen.links:
            command += ["--symlink", target, path]
        # bwrap makes what is missing on the way for its own user only.
        above = {parent for _, path in seen.binds for parent in Path(path).parents} | {Path("/dev")}
        for parent in sorted(above - {Path("/")}):
            command += ["--perms", "0755", "--dir", str(parent)]
        for source, path in seen.binds:
            command += ["--ro-bind", source, path]
        for path in seen.hidden:
            command += ["--size", "4096", "--perms", "0755", "--tmpfs", path, "--remount-ro", path]
        for name in DEVICES:
            command += ["--dev-bind", f"/dev/{name}", f"/dev/{name}"]
        command += ["--size", str(limits.disk_mb << 20), "--perms", "1777", "--tmpfs", WORK, "--chdir", WORK]
        command += ["--proc", "/proc", "--remount-ro", "/proc", "--remount-ro", "/"]
        return [*command, "--", *inner]


@dataclass(frozen=True)
class Namespaces:
    """The kernel's namespaces through util-linux, with a root folder of our own (`enter`)."""

    name: str = "namespaces"
    protected: bool = True

    def command(self, inner: Sequence[str], limits: Limits, uid: int | None) -> list[str]:
        spec = asdict(view()) | {"devices": DEVICES, "work": WORK, "uid": uid, "inner": uid is None}
        spec |= {"disk": limits.disk_mb << 20, "inodes": INODES}
        command = ["setpriv", "--pdeathsig", "KILL", "--", "unshare", "--fork", "--kill-child"]
        command += ["--mount", "--pid", "--net", "--ipc", "--uts"]
        if uid is None:
            command += ["--user", "--map-root-user"]
        return [*command, "--", view().python, "-I", "-S", "-c", source("enter"), json.dumps(spec), *inner]


@dataclass(frozen=True)
class Unprotected:
    """Limits and a scratch folder only: the code can read and change whatever its user can, and use the network."""

    name: str = "unprotected"
    protected: bool = False

    def command(self, inner: Sequence[str], limits: Limits, uid: int | None) -> list[str]:
        return list(inner)


@cache
def source(module: str) -> str:
    """The source of a file that is sent into the sandbox."""
    return (_HERE / f"{module}.py").read_text("utf-8")


def installed(program: str) -> bool:
    return shutil.which(program) is not None


def spare_uid() -> int | None:
    """For root: a user that nobody is, another one for each run, so that its processes are counted by themselves."""
    if os.geteuid() != 0:
        return None
    try:
        rows = [tuple(map(int, row.split())) for row in Path("/proc/self/uid_map").read_text("ascii").splitlines()]
    except (OSError, ValueError):
        return 65534
    first = 1_900_000_000
    if any(start <= first and first + (1 << 20) <= start + size for start, _, size in rows):
        return first + secrets.randbelow(1 << 20)
    # In a container with few users: its last one; where there is only this one, what an ordinary user does.
    return max(start + size - 1 for start, _, size in rows) or None


def environment(folder: str, word: str) -> dict[str, str]:
    """All variables that a student's code gets: where it may write, and one thread for linear algebra."""
    given = {"PATH": "/usr/bin:/bin", "HOME": folder, "TMPDIR": folder, "LANG": "C.UTF-8", "TZ": "UTC"}
    given |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
    if folder != WORK:
        given["WORKBOOK_RUN"] = word  # by which processes that outlive an unprotected run are found
    if os.environ.get("LD_LIBRARY_PATH"):
        given["LD_LIBRARY_PATH"] = f"{sys.base_prefix}/lib"
    return given


def packages(folder: str) -> str:
    """Where numpy is found from inside; without protection, a folder of links in `folder`."""
    if folder == WORK:
        return PACKAGES
    place = Path(folder, ".packages")
    place.mkdir()
    for path in numpy_folders():
        (place / path.name).symlink_to(path)
    return str(place)
