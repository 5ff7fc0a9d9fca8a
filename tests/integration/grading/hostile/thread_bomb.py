# ruff: noqa
"""Starts threads without end.

ends: raised | ended the process | took too much memory
"""

import threading, time

while True:
    threading.Thread(target=time.sleep, args=(3600,)).start()
