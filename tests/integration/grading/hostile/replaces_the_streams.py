# ruff: noqa
"""Puts others in the place of output and error, and closes the true ones.

ends: ok | ended the process
"""

import sys


class Stream:
    def write(self, text):
        raise SystemExit

    def flush(self):
        raise KeyboardInterrupt


sys.stdout.close()
sys.stderr = sys.stdout = sys.__stdout__ = sys.__stderr__ = Stream()
