"""A replica counts with the share of it that may be used. Round up, then add the spare, in both parts of the day: the
spare weighs more in the small fleet. Money is GPUs times price times hours, each fleet for its own share of the month.
The difference of the two months is what an autoscaler may cost at most, minus what a burst costs while it starts."""

import math

hour = gpus * price  # dollars of one replica and hour
replicas_busy = math.ceil(peak / (per_replica * ceiling)) + 1
replicas_quiet = math.ceil(quiet / (per_replica * ceiling)) + 1
month_always_on = replicas_busy * hour * 730
month_following = (replicas_busy * busy_hours + replicas_quiet * (24 - busy_hours)) / 24 * hour * 730
