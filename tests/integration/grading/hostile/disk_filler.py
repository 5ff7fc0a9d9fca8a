# ruff: noqa
"""Fills the disk.

ends: raised
says: No space left
"""

number = 0
while True:
    with open(f"filler{number}", "wb") as file:
        for _ in range(8):
            file.write(b"x" * (1 << 20))
    number += 1
