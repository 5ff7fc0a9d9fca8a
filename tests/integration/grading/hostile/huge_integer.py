# ruff: noqa
"""Answers with an integer of a million digits.

ends: ok
says: too many digits
"""

kv_kib_per_token = 1 << 3_000_000
conversations = 10**400
