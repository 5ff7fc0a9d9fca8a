# ruff: noqa
"""A function that does not come back.

ends: took too long
exercise: q2-rank-fusion
"""


def fuse(rankings, k):
    while True:
        pass
