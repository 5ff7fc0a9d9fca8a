"""The models see everything that the rules leave open, also what the LLM decides later. The LLM's share is one of all
posts; the cache takes its part off, a batch makes one call of several posts. The rate of an instance is given in calls,
so the batch is divided by once and not twice."""

from math import ceil

rate = posts_per_minute / 60
models_see = rate * (1 - rules_share)
calls = rate * judge_share * (1 - cached) / batch
instances = ceil(calls / (calls_per_s * ceiling)) + 1
