# ruff: noqa
"""Sleeps for an hour.

ends: took too long
"""

import time

time.sleep(3600)
