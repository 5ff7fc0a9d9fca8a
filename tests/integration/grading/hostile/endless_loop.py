# ruff: noqa
"""Runs for ever.

ends: took too long
says: stopped after
"""

while True:
    pass
