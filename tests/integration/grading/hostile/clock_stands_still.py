# ruff: noqa
"""Makes the clocks stand still, so that no time seems to pass, and runs for ever.

ends: took too long
"""

import time

time.time = time.monotonic = time.perf_counter = lambda: 0.0
while True:
    pass
