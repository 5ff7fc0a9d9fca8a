"""workbook lab: JupyterLab on the index notebook."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Annotated

import typer

FIRST_PORT = 8888


def command(
    port: Annotated[
        int | None, typer.Option("--port", min=1024, max=65535, help="Port [default: the first free one from 8888].")
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the address, open nothing.")] = False,
    reset: Annotated[bool, typer.Option("--reset", help="Put tabs and side panels back as they were shipped.")] = False,
) -> None:
    """Open JupyterLab on notebooks/index.ipynb, on this machine only, with a token of its own."""
    from workbook import paths
    from workbook.lab import workspace

    root = paths.project_root()
    chosen = choose_port(port)
    require_jupyterlab()
    state = workspace.state_folder()
    workspace.prepare(state, reset)
    sys.stdout.flush()
    os.execve(sys.executable, lab_arguments(root, chosen, no_browser, state), lab_environment(dict(os.environ), state))


def require_jupyterlab() -> None:
    """Raises WorkbookError where this interpreter has no JupyterLab."""
    from importlib.util import find_spec

    from workbook.errors import WorkbookError

    if find_spec("jupyterlab") is None:
        raise WorkbookError(
            f"JupyterLab is not installed in {sys.prefix}", "`make setup` installs it; start it with `make lab`"
        )


def choose_port(wanted: int | None, first: int = FIRST_PORT, tries: int = 100) -> int:
    """The wanted port if it is free (WorkbookError otherwise), else the first free one from `first`."""
    from workbook.errors import WorkbookError

    if wanted is not None:
        if not is_free(wanted):
            raise WorkbookError(f"port {wanted} is taken", "name another --port, or none to take a free one")
        return wanted
    for port in range(first, first + tries):
        if is_free(port):
            return port
    raise WorkbookError(f"no free port from {first} to {first + tries - 1}", "close a server, or name a --port")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def lab_arguments(root: Path, port: int, no_browser: bool, state: Path) -> list[str]:
    """The command line. Jupyter's token stays on: nothing here sets or empties it.

    state: the folder of layout and log. A project without an index notebook opens on its folder.
    """
    from workbook.lab import words, workspace

    index = (root / "notebooks" / "index.ipynb").is_file()
    args = [
        sys.executable,
        "-m",
        "workbook.lab.server",
        str(state / f"jupyterlab-{port}.log"),
        f"--LabApp.default_url=/lab/{f'workspaces/{workspace.NAME}' if index else 'tree/notebooks'}",
        f"--ServerApp.root_dir={root}",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        "--LabApp.news_url=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        args.append("--allow-root")  # containers; the server is reachable from this machine only, with the token
    if no_browser or not words.has_browser(os.environ):
        args.append("--no-browser")
    return args


def lab_environment(environment: dict[str, str], state: Path) -> dict[str, str]:
    """Adds the workbook's layout and settings beside the reader's own, and this venv's commands to PATH."""
    from workbook.lab import workspace

    config = str(Path(__file__).resolve().parent.parent / "lab_config")
    paths = [config, environment["JUPYTER_CONFIG_PATH"]] if environment.get("JUPYTER_CONFIG_PATH") else [config]
    commands = str(Path(sys.executable).parent)
    return environment | {
        "JUPYTER_CONFIG_PATH": os.pathsep.join(paths),
        "JUPYTERLAB_WORKSPACES_DIR": str(workspace.workspaces_folder(state)),
        "PATH": os.pathsep.join([commands, environment.get("PATH", os.defpath)]),
    }
