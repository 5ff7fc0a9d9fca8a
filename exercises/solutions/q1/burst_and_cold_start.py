"""The busy hours hold their share of the day's messages, in their own seconds. A cold start is a sum, with the weights
in bits over the link in bits. The running replicas carry the mean; what a burst adds piles up for the whole cold start,
or is carried by replicas that stand by. Compare the two: the standby costs money all day, the backlog costs every user
of those minutes their wait, which is why shedding and a smaller model for the overflow are worth a thought."""

import math

busy_per_second = users * messages * busy_share / (busy_hours * 3600)
cold_start_s = machine_s + pull_s + weights_gb * 8 / link_gbit + warm_s
added = busy_per_second * (burst - 1)  # requests per second that nobody carries
backlog = added * cold_start_s
standby = math.ceil(added / (replica_rpm / 60))
