# ruff: noqa
"""Replaces the process: a shell if there is one, else Python, which says it is done.

ends: ended the process | raised
"""

import os, sys

for program in ("/bin/sh", "/usr/bin/env", "/usr/bin/bash"):
    try:
        os.execv(program, [program, "-c", "echo REACHED a shell"])
    except OSError:
        pass
os.execv("/proc/self/exe", ["python", "-I", "-S", "-c", "print('I am done, full marks')"])
