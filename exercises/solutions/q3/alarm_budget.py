"""An e-value is a bet against harmlessness: without harm it ever reaches 1 / a with a probability of at most a, at
whatever moment somebody looks. With the probability divided among the checks each must reach checks / alpha. The old
rule knows no level at all: a harmless release passes only if every metric happens to fall on the right side."""

from math import log

log_e = log(checks / alpha)
hours = log_e / per_hour
stopped_percent = 100 * (1 - 0.5**metrics)
