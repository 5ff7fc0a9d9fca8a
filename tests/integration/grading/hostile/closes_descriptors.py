# ruff: noqa
"""Closes every descriptor it has.

ends: ended the process
"""

import os

os.closerange(0, 256)
