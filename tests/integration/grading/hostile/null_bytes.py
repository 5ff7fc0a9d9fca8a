# ruff: noqa
"""Holds bytes that are no source.

ends: raised
"""

exec("x = 1\0")
