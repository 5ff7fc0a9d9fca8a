# ruff: noqa
"""A process that closes nothing outlives the runner, which ends at once: the pipes stay open.

ends: ended the process
"""

import os, time

if os.fork() == 0:
    os.setsid()
    time.sleep(3600)
os._exit(0)
