# ruff: noqa
"""A function that says it is not written, in some cases only.

ends: ok
exercise: q2-rank-fusion
"""


def fuse(rankings, k):
    if len(rankings) > 2:
        raise NotImplementedError
    return []
