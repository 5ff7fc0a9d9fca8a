# ruff: noqa
"""Answers with a list that contains itself and one that is nested 100,000 deep.

ends: ok
says: nested too deep
"""

kv_kib_per_token = []
kv_kib_per_token.append(kv_kib_per_token)
conversations = []
for _ in range(100_000):
    conversations = [conversations]
