"""What `workbook lab` says in the terminal, and whether a browser can be opened there."""

from __future__ import annotations

import getpass
import socket
import sys
import webbrowser
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit


def has_browser(environment: Mapping[str, str]) -> bool:
    """Whether a page can be shown on this machine.

    Without a display webbrowser finds text browsers, which cannot show JupyterLab and would take the terminal; a
    BROWSER variable is believed, editors that work over SSH set one.
    """
    windows = environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY") or not sys.platform.startswith("linux")
    if not windows and not environment.get("BROWSER"):
        return False
    try:
        webbrowser.get(environment.get("BROWSER") or None)
    except webbrowser.Error:
        return False
    return True


def greeting(address: str, log: Path, opens: bool, environment: Mapping[str, str]) -> str:
    """The address, how to get there, how to stop, and where the log is.

    opens: a browser tab opens by itself. Without a browser here it names the ssh line that carries the port away.
    """
    lines = ["The workbook is served at", f"    {address}", ""]
    if opens:
        lines += ["A browser tab opens on the index notebook. If none does, open the address yourself."]
    elif has_browser(environment):
        lines += ["Open the address in a browser."]
    else:
        lines += [
            "This machine has no browser. On your own computer, in a terminal that stays open:",
            f"    {tunnel(address, environment)}",
            "and then open the address there.",
        ]
    return "\n".join([*lines, f"Ctrl-C stops JupyterLab and its kernels. Its log: {log}"])


def tunnel(address: str, environment: Mapping[str, str]) -> str:
    """The ssh command, with the host as the reader reached it where SSH says so (SSH_CONNECTION)."""
    port = urlsplit(address).port
    reached = environment.get("SSH_CONNECTION", "").split()  # client, its port, server, its port
    host, door = (reached[2], reached[3]) if len(reached) == 4 else (socket.gethostname(), "22")
    at = "" if door == "22" else f"-p {door} "
    return f"ssh -N {at}-L {port}:127.0.0.1:{port} {_user()}@{host}"


def did_not_start(log: Path, lines: int = 8) -> str:
    """The end of the log, with what usually helps."""
    said = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.is_file() else []
    end = "\n".join(f"    {line}" for line in said[-lines:])
    return (
        f"JupyterLab did not start. The end of its log, {log}:\n{end}\n"
        "  `workbook doctor` looks for what is missing; `jupyter --paths` lists where settings of yours come from"
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return "you"
