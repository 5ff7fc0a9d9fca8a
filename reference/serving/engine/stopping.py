"""Ends a running engine and cleans up after one whose keeper is gone."""

from __future__ import annotations

import contextlib
import os
import signal

from reference.serving.engine import state as files
from reference.serving.waiting import wait_until


def remove_stale() -> None:
    """Clean up after a keeper that is gone: its server, if it still lives, and the state file."""
    state = files.read_state()
    if state is None:
        files.clear_state()  # unreadable: written by another version, or damaged
    elif not state.keeper_alive():
        if state.server_alive():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(state.server_pid, signal.SIGKILL)
        files.clear_state()


def stop_keeper(state: files.State) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(state.keeper_pid, signal.SIGTERM)
    if not wait_until(lambda: not state.keeper_alive(), 30):
        os.kill(state.keeper_pid, signal.SIGKILL)
        wait_until(lambda: not state.keeper_alive(), 5)
    remove_stale()


def stop_shared() -> bool:
    """Stop the shared engine, also one that is still starting; True if there was one. Other processes lose it."""
    state = files.read_state()
    if state and state.keeper_alive():
        stop_keeper(state)
        return True
    remove_stale()
    return False
