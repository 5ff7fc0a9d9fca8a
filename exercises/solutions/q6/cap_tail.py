"""The 90th percentile lies 1.28 standard deviations of the logarithm above the median; that gives sigma, and with it
the mean, which large changes pull far above the median. Each call has its share of the cap; what instructions and
answer cost is not there for the diff. The share above is asked for on the logarithmic scale."""

from math import exp, log
from statistics import NormalDist

sigma = log(p90 / p50) / NormalDist().inv_cdf(0.9)
mean_tokens = p50 * exp(sigma**2 / 2)
left = cap / calls - (instructions * price_in + tokens_out * price_out) / 1e6  # dollars of one call for the diff
tokens_at_cap = left * 1e6 / price_in
share_cut = 1 - NormalDist().cdf(log(tokens_at_cap / p50) / sigma)
