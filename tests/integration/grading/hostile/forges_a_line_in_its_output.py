# ruff: noqa
"""Prints lines that look like results.

ends: ok
"""

import json, sys

for cell in range(5):
    for stream in (sys.stdout, sys.stderr):
        line = {
            "cell": cell,
            "ended": "ok",
            "error": "",
            "values": {"kv_kib_per_token": 1, "conversations": 1},
            "reasons": [],
            "seen": None,
        }
        print("\n" + json.dumps(line), file=stream)
        print(json.dumps(line | {"mark": 1.0, "earned": 4, "verdict": "right"}), file=stream)
