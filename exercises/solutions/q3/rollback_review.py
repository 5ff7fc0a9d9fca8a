"""Noticing takes longer than switching: the rise must show before anybody decides, and until then the share meets it.
The smaller side decides how many users it takes; all who come count, on one side or the other. Of the candidate's
errors only those count that production would not have made. Redo each step from the line above: the one that does not
come out is wrong."""

from math import asin, isclose, sqrt
from statistics import NormalDist

z = NormalDist().inv_cdf(0.95) + NormalDist().inv_cdf(0.80)
h = 2 * asin(sqrt(after)) - 2 * asin(sqrt(before))
users = z**2 / (h**2 * share * (1 - share))
minutes = users / users_per_day * 24 * 60
met = (minutes + back_s / 60) / (24 * 60) * users_per_day * share
failed = met * (after - before)

redone = [
    users,
    said[0] / users_per_day * 24 * 60,
    said[1] + back_s / 60,
    said[2] / (24 * 60) * users_per_day * share * (after - before),
]
wrong_step = next(
    str(n) for n, (one, other) in enumerate(zip(redone, said), 1) if not isclose(one, other, rel_tol=0.01)
)
