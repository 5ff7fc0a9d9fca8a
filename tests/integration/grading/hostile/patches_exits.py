# ruff: noqa
"""Puts others in the place of the ways to end a process and to write.

ends: ok
"""

import os, sys

sys.exit = os._exit = os.abort = lambda *arguments: print("REACHED") if False else None
os.write = lambda *arguments: 1
sys.excepthook = sys.unraisablehook = lambda *arguments: None
