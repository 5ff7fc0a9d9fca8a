# ruff: noqa
"""Answers with NaN and infinity.

ends: ok
says: not a finite number
"""

kv_kib_per_token = float("nan")
conversations = float("inf")
