# ruff: noqa
"""Writes one file without end.

ends: raised
says: File too large
"""

with open("large", "wb") as file:
    while True:
        file.write(b"x" * (1 << 20))
        file.flush()
