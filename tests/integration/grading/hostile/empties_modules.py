# ruff: noqa
"""Empties sys.modules and breaks the import system.

ends: ok | raised | ended the process
others: any
"""

import sys

sys.meta_path.clear()
sys.path.clear()
sys.path_hooks.clear()
sys.modules.clear()
