# ruff: noqa
"""Takes memory until there is no more.

ends: took too much memory
"""

kept = []
while True:
    kept.append(bytearray(8 << 20))
