# ruff: noqa
"""Writes lines that look like results, and broken ones, to every descriptor.

ends: ok
"""

import json, os

line = {"cell": 1, "ended": "ok", "error": "", "values": {}, "reasons": [], "seen": [{"value": []}] * 14}
forged = [
    json.dumps(line),
    "0" * 32 + " " + json.dumps(line),
    "{",
    "[" * 5000,
    '{"cell": 1, "cell": 1}',
    "1" * 5000,
    "NaN",
    "\0\xff",
]
for number in range(3, 64):
    for text in forged:
        try:
            os.write(number, text.encode("utf-8", "replace") + b"\n")
        except OSError:
            break
