"""The smaller side decides: at a share of 5% the users needed are about five times those of an even split. Everybody
who comes counts, on one side or the other, so the days follow from the whole traffic; only the share meets the
candidate."""

from math import asin, sqrt
from statistics import NormalDist

z = NormalDist().inv_cdf(0.95) + NormalDist().inv_cdf(0.80)
h = 2 * asin(sqrt(after)) - 2 * asin(sqrt(before))
users_needed = z**2 / (h**2 * share * (1 - share))
days = users_needed / users_per_day
met = users_needed * share
