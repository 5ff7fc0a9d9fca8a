# ruff: noqa
"""Takes the runner's word from its frames and reports in its name, for its own cell, others and none.

ends: ok | ended the process
others: any
"""

import gc, os

runner = next(thing for thing in gc.get_objects() if type(thing).__name__ == "Runner")
lines = []
for cell in (0, 1, 2, 99, -1, True, 1.0, "0", None, [0]):
    import json

    for values in (
        {"kv_kib_per_token": "right", "conversations": [[]], "earned": 4},
        {"kv_kib_per_token": {"value": 1}},
        [],
        None,
    ):
        body = {
            "cell": cell,
            "ended": "ok",
            "error": "",
            "values": values,
            "reasons": [],
            "seen": [{"value": [["REACH", 1.0]]}] * 14,
        }
        lines.append(f"\n{runner.word} {json.dumps(body)}\n")
lines += [
    f"\n{runner.word} {text}\n"
    for text in ("[" * 100000, "{}", "null", "1" * 10000, '{"cell": 0, "cell": 1}', '"' + "\\ud800" * 10 + '"')
]
os.write(runner.out, "".join(lines).encode())
