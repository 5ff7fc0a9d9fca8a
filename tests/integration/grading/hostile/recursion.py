# ruff: noqa
"""Recurses without end, without Python's own limit.

ends: raised | ended the process | took too much memory | took too long
"""

import sys

sys.setrecursionlimit(10**9)


def deeper(number):
    return deeper(number + 1) + 1


deeper(0)
