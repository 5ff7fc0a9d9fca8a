# ruff: noqa
"""Looks for descriptors that were left open: files, folders, sockets.

ends: ok
"""

import os, stat

for number in range(3, 256):
    try:
        mode = os.fstat(number).st_mode
    except OSError:
        continue
    if not stat.S_ISFIFO(mode):
        print("REACHED", number, oct(mode))
