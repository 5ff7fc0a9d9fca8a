# ruff: noqa
"""A process in a session of its own outlives its cell and keeps writing.

ends: ok
"""

import os, signal, time

for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in range(1, 32):
                try:
                    signal.signal(number, signal.SIG_IGN)
                except OSError:
                    pass
            while True:
                try:
                    open("left_behind", "a").write("x")
                    os.write(1, b"still here\n")
                except OSError:
                    pass
                time.sleep(0.01)
        os._exit(0)
