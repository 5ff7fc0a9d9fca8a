"""Which sandbox works here: found by running something in it, for an installed program may still be forbidden."""

from __future__ import annotations

import socket
import sysconfig
from functools import cache

from workbook.grading.sandbox.kinds import Bubblewrap, Namespaces, Sandbox, Unprotected, installed
from workbook.grading.sandbox.running import run
from workbook.grading.types import CodeCell, Collect, Ended, Limits, NoSandbox

_PROBE = """
import os, socket, threading
def tried(act):
    try:
        act()
        return True
    except OSError:
        return False
status = dict(line.split(":", 1) for line in open("/proc/self/status")) if os.path.exists("/proc/self/status") else {}
rights = int(status.get("CapEff", "0"), 16) | int(status.get("CapBnd", "0"), 16)
kept = status.get("NoNewPrivs", "1").strip() == "1"
alone = not os.path.exists("/proc") or sum(name.isdigit() for name in os.listdir("/proc")) < 10
network = tried(lambda: socket.create_connection(("127.0.0.1", port), 1))
outside = any(os.path.isfile(path) or os.path.isdir(path) and os.listdir(path) for path in secrets)
writes = tried(lambda: open("probe", "w").write("x"))
elsewhere = any(os.access(path, os.W_OK) for path in ("/", "/usr/lib", "/packages", "/dev", "/proc/1/mem"))
thread = threading.Thread(target=int)
thread.start()
"""
_WANTED = {
    "rights": 0, "kept": True, "alone": True, "network": False, "outside": False, "writes": True, "elsewhere": False
}  # fmt: skip


def best_sandbox(unprotected: bool = False) -> Sandbox:
    """The best that works on this machine, tried out once per process: bubblewrap, else namespaces.

    Raises NoSandbox if neither works; with `unprotected`, limits and a scratch folder then have to do.
    """
    found, why = _best()
    if found is not None:
        return found
    if unprotected:
        return Unprotected()
    raise NoSandbox(
        f"no sandbox works on this machine ({why})",
        "install bubblewrap (`apt-get install bubblewrap`) on a Linux that allows user namespaces, or grade as root; "
        "--unprotected runs the students' code without protection, in a virtual machine of its own if at all",
    )


@cache
def _best() -> tuple[Sandbox | None, str]:
    reasons = []
    for sandbox, needs in ((Bubblewrap(), ("bwrap",)), (Namespaces(), ("unshare", "setpriv"))):
        missing = [program for program in needs if not installed(program)]
        why = f"{missing[0]} is not installed" if missing else fault(sandbox)
        if not why:
            return sandbox, ""
        reasons.append(f"{sandbox.name}: {why}")
    return None, "; ".join(reasons)


def fault(sandbox: Sandbox) -> str:
    """Why this sandbox cannot be used here, "" if it can: runs code that tries to get out, and to do its work."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        secrets = [__file__, "/etc/passwd", sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
        params = {"port": server.getsockname()[1], "secrets": secrets}
        cell = CodeCell("probe", _PROBE, params, Collect("probe", tuple(_WANTED)))
        try:
            ran = run([cell], Limits(cell_s=20, total_s=40), sandbox)
        except NoSandbox as error:
            return str(error)
    if ran.cells[0].ended is not Ended.OK:
        return f"a trial run {ran.cells[0].ended}: {' '.join(ran.cells[0].error.split())[-200:]}"
    seen = ran.values.get("probe", {})
    wrong = [name for name, value in _WANTED.items() if seen.get(name) != value]
    return f"a trial run was not kept apart ({', '.join(wrong)})" if wrong else ""
