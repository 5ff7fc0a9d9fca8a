# ruff: noqa
"""Looks for other processes and what they were started with.

ends: ok
"""

import os

others = [name for name in os.listdir("/proc") if name.isdigit()]
if len(others) > 8:
    print("REACHED", others)
for pid in others:
    try:
        if b"pytest" in open(f"/proc/{pid}/cmdline", "rb").read():
            print("REACHED", pid)
        if pid == "1" and b"CANARY" in open("/proc/1/environ", "rb").read():
            print("REACHED the environment of process 1")
    except OSError:
        pass
