# ruff: noqa
"""Answers with a generator that has no end.

ends: ok
says: no plain value
"""

import itertools

kv_kib_per_token = itertools.count()
conversations = (number for number in itertools.cycle([1]))
