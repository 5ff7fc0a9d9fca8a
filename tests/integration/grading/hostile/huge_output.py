# ruff: noqa
"""Prints hundreds of megabytes.

ends: ok | ended the process | took too long
"""

for _ in range(400):
    print("x" * (1 << 20))
