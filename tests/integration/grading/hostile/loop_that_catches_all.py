# ruff: noqa
"""Catches whatever might stop it.

ends: took too long
"""

import time

while True:
    try:
        time.sleep(1)
    except BaseException:
        continue
