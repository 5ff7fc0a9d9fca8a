# ruff: noqa
"""Ends the process past Python.

ends: ended the process
"""

import os

os._exit(0)
