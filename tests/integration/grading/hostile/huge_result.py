# ruff: noqa
"""Answers with a text of 50 MB.

ends: ok
says: larger than an answer may be
"""

kv_kib_per_token = "x" * (50 << 20)
conversations = [0] * 3_000_000
