"""A mean per second divides the day's messages by 86,400; the fleet serves the busiest minute, not the mean; a replica
counts with the share of it that may be used; then round up and add the spare. Redo each step from the line above: the
one that does not come out is wrong."""

import math

mean = users * messages / 86_400
replicas = math.ceil(mean * peak_factor / (per_replica * ceiling)) + 1

redone = [mean, said[0] * peak_factor, said[1] / (per_replica * ceiling), math.ceil(said[2]) + 1]
wrong_step = next(str(n) for n, (one, other) in enumerate(zip(redone, said), 1) if not math.isclose(one, other))
