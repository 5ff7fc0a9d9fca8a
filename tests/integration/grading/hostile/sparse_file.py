# ruff: noqa
"""Makes a file of a terabyte that takes no room.

ends: raised
says: File too large
"""

with open("sparse", "wb") as file:
    file.truncate(1 << 40)
print("REACHED")
