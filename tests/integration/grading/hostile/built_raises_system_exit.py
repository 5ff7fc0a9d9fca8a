# ruff: noqa
"""A function that raises SystemExit.

ends: ok
says: SystemExit
exercise: q2-rank-fusion
"""


def fuse(rankings, k):
    raise SystemExit(0)
