"""The share is one of all posts; what the cache knows is not asked about; a batch turns posts into calls, and the rate
of an instance turns calls into instances, each of them once. Redo each step from the line above: the one that does not
come out is wrong."""

from math import ceil, isclose

posts = posts_per_minute / 60 * share
calls = posts * (1 - cached) / batch
instances = ceil(calls / (calls_per_s * ceiling) - 1e-9) + 1

redone = [
    posts,
    said[0] * (1 - cached),
    said[1] / batch,
    ceil(said[2] / (calls_per_s * ceiling) - 1e-9) + 1,
]
wrong_step = next(str(n) for n, (one, other) in enumerate(zip(redone, said), 1) if not isclose(one, other))
