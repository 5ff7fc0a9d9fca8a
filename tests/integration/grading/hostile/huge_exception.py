# ruff: noqa
"""Raises an exception whose text is 50 MB long.

ends: raised | took too much memory
"""

raise ValueError("x" * (50 << 20))
