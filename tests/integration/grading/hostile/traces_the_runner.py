# ruff: noqa
"""Sets trace and profile functions that change what the runner sees.

ends: ok
"""

import sys, threading


def trace(frame, event, argument):
    if "value" in frame.f_locals:
        frame.f_locals["value"] = 1
    return trace


sys.settrace(trace)
sys.setprofile(trace)
threading.settrace(trace)
