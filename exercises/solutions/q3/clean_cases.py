"""Without an unsafe answer (1 - limit)^n must fall to 5%; three over the limit is nearly that, and a case or two too
many. With k of them the binomial tail takes its place: it falls as the rate rises, so halving finds the rate at which
it is 5%. What is tolerated is less than the limit's share of the suite: at exactly that share, half of the versions
that are too bad would get through."""

from math import ceil, comb, log


def so_few(k, n, rate):
    return sum(comb(n, i) * rate**i * (1 - rate) ** (n - i) for i in range(k + 1))


clean_cases = ceil(log(0.05) / log(1 - limit))

low, high = seen / cases, 1.0
for _ in range(60):
    middle = (low + high) / 2
    low, high = (middle, high) if so_few(seen, cases, middle) > 0.05 else (low, middle)
bound_percent = 100 * high

tolerated = -1
while so_few(tolerated + 1, suite, limit) <= 0.05:
    tolerated += 1
