"""The kernel of a run: this interpreter, over sockets no other process can reach, and nothing left when it ends."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines

ENGINE = "workbook"  # papermill's name for this way to execute a notebook
KERNEL = "python3"
_LONGEST_SOCKET_PATH = 100  # bytes; operating systems allow 104 to 108


class OwnInterpreter(KernelSpecManager):
    """Whatever kernels this machine has installed, a run uses the interpreter that runs the workbook."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        # Bytecode is kept, also where it is switched off (many container images): else every kernel, and every process
        # that a notebook starts, compiles all that it imports anew.
        env = {"PYTHONDONTWRITEBYTECODE": ""}
        return KernelSpec(argv=argv, env=env, display_name="workbook", language="python", resource_dir="")


def kernel_manager(folder: Path) -> AsyncKernelManager:
    """A manager whose connection file and sockets live in `folder` (private to this user).

    Sockets in the file system instead of TCP ports: kernels that start together cannot race for a port, no other user
    can listen, and ipykernel has no reason to warn about unencrypted TCP.
    """
    manager = AsyncKernelManager(kernel_name=KERNEL, kernel_spec_manager=OwnInterpreter())
    manager.connection_file = str(folder / "kernel.json")
    if os.name == "posix" and len(str(folder / "kernel-ipc-5").encode()) < _LONGEST_SOCKET_PATH:
        manager.transport = "ipc"
    return manager


class Client(PapermillNotebookClient):
    """papermill's client; remembers the kernel's process group, which is gone from its manager after the shutdown."""

    process_group: int | None = None

    def papermill_execute_cells(self) -> None:
        self.process_group = getattr(self.km.provisioner, "pgid", None)
        look_again(self.kc.shell_channel)
        super().papermill_execute_cells()


def look_again(channel: Any, every_s: float = 1.0) -> None:
    """Make `channel.get_msg` look for a message every `every_s` seconds instead of only when it is told of one.

    nbclient answers an output widget over the socket on which it waits for the cell's reply. A reply that comes in at
    that moment is noticed by the sending, which wants none, and the waiting is told nothing: the cell would seem to run
    until its time-out.
    """
    wait = channel.get_msg

    async def get_msg(timeout: float | None = None) -> Any:
        until = math.inf if timeout is None else time.monotonic() + timeout
        while True:
            left = until - time.monotonic()
            try:
                return await wait(timeout=max(0.0, min(every_s, left)))
            except Empty:
                if left <= every_s:
                    raise

    channel.get_msg = get_msg


class Engine(NBClientEngine):
    """papermill's own engine, with the kernel above.

    hooks: nbclient's (on_cell_start, ...); folder: the kernel's working directory; execution_timeout: seconds per cell;
    log: file for what the kernel's process itself prints (cells print into the notebook).
    """

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,
        kernel_name: str,
        log_output: bool = False,
        start_timeout: int = 60,
        execution_timeout: int | None = None,
        hooks: dict[str, Any] | None = None,
        folder: str | None = None,
        log: str = os.devnull,
        **_: Any,
    ) -> Any:
        private = Path(tempfile.mkdtemp(prefix="wb-"))
        client = Client(
            nb_man,
            km=kernel_manager(private),
            kernel_name=kernel_name,
            timeout=execution_timeout,
            startup_timeout=start_timeout,
            iopub_timeout=60,  # after a cell's reply; nbclient's own 4 s lose outputs on a machine that pauses
            resources={"metadata": {"path": folder or os.getcwd()}},
            **(hooks or {}),
        )
        client.owns_km = True  # nbclient shuts down only a kernel it owns
        try:
            with open(log, "ab") as own_output:
                return client.execute(stdout=own_output, stderr=own_output)
        finally:
            _end_group(client.process_group)
            shutil.rmtree(private, ignore_errors=True)


def _end_group(group: int | None) -> None:
    """End what the kernel started and left behind; the shared engine has a session of its own and stays."""
    if group and os.name == "posix" and group != os.getpgrp():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGTERM)


papermill_engines.register(ENGINE, Engine)
