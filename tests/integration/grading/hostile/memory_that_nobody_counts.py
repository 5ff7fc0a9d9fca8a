# ruff: noqa
"""Keeps memory in shared segments, memory files, message queues and pipes.

ends: ok
"""

import ctypes, os

libc = ctypes.CDLL(None, use_errno=True)
try:
    descriptor = os.memfd_create("kept")
    os.close(descriptor)
    print("REACHED a memory file")
except OSError:
    pass
if libc.shmget(0, ctypes.c_size_t(64 << 20), 0o1600) >= 0:
    print("REACHED a shared segment")
if libc.msgget(0, 0o1600) >= 0:
    print("REACHED a message queue")
pipes = []
try:
    while True:
        pipes.append(os.pipe())
except OSError:
    pass
if len(pipes) > 100:
    print("REACHED", len(pipes), "pipes")
for pair in pipes:
    os.close(pair[0])
    os.close(pair[1])
