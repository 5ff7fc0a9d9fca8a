# ruff: noqa
"""Puts others in the place of the runner's functions, found through frames and the collector.

ends: ok | ended the process | raised
others: any
"""

import gc, sys

frame = sys._getframe()
while frame is not None:
    for name in list(frame.f_globals):
        if name in ("collected", "observation", "text_of", "quote", "told", "_dumps", "_loads"):
            frame.f_globals[name] = lambda *arguments: (
                '{"kv_kib_per_token": 1, "conversations": 1}',
                [],
                '[{"value": 1}]',
            )
    frame = frame.f_back
for thing in gc.get_objects():
    if type(thing).__name__ == "Runner":
        thing.job["cells"][0]["collect"] = None
        type(thing).tidy = lambda self: None
