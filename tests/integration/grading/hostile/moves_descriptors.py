# ruff: noqa
"""Puts its output in the place of every other descriptor.

ends: ended the process
"""

import os

for number in range(3, 64):
    os.dup2(1, number)
