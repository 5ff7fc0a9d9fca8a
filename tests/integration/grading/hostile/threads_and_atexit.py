# ruff: noqa
"""Leaves threads that never end and functions for the end of the process.

ends: ok
"""

import atexit, threading, time


def for_ever():
    while True:
        time.sleep(0.05)


threading.Thread(target=for_ever, daemon=False).start()
threading.Thread(target=for_ever, daemon=True).start()
atexit.register(lambda: print("REACHED the end"))
