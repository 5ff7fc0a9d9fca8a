# ruff: noqa
"""Sends SIGKILL to process 1, its parent, its group and everyone it may signal.

ends: ended the process
"""

import os, signal

for pid in (1, os.getppid(), 0, -1, *range(2, 40000)):
    if pid == os.getpid():
        continue
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        pass
os.kill(os.getpid(), signal.SIGKILL)
