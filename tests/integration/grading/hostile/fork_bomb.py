# ruff: noqa
"""Every process starts two more, without end.

ends: took too long | ended the process | raised | took too much memory
"""

import os

while True:
    try:
        os.fork()
    except OSError:
        pass
