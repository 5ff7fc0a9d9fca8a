# ruff: noqa
"""A function that returns more than can be written down.

ends: ok | took too much memory | took too long
exercise: q2-rank-fusion
"""

import itertools


def fuse(rankings, k):
    return ["x" * 10_000] * 10_000 if len(rankings) % 2 else itertools.count()
