# ruff: noqa
"""Takes little memory in each of many processes.

ends: took too much memory | ended the process
"""

import os, time

for _ in range(20):
    if os.fork() == 0:
        kept = bytearray(os.urandom(1 << 20) * 100)
        time.sleep(3600)
time.sleep(3600)
