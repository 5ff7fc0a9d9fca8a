# ruff: noqa
"""Reads memory at address zero.

ends: ended the process
"""

import ctypes

ctypes.string_at(0)
