# ruff: noqa
"""Writes what moves a terminal's cursor, and halves of characters.

ends: raised
says: REACH
"""

import os

print("\x1b[2J\x1b[1;1H✓ all right\x07\u202e")
os.write(1, b"\xff\xfe\xed\xa0\x80\n")
kv_kib_per_token = "\ud800"
raise ValueError("\x1b[31m\ud800 REACH")
