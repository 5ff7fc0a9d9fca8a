# ruff: noqa
"""Writes without end into the channel of the results.

ends: ended the process | took too long
"""

import gc, os

runner = next(thing for thing in gc.get_objects() if type(thing).__name__ == "Runner")
while True:
    os.write(runner.out, b"x" * 65536)
