"""What waits is depth x job_s seconds of work, and a worker does slots x wait_s of them in time. For the bill, a
perfect follower would cost the mean where always on costs the peak: 1 / peak. It is not perfect: each spell is paid
with its cold start and idle end (minutes paid over minutes busy), and slots that are empty are paid as well (1 /
fill). With a low peak or short spells the product passes 1, and following the queue costs more than leaving the
fleet on."""

import math

workers = math.ceil(depth * job_s / (slots * wait_s))
paid_over_busy = (busy_min + cold_min + linger_min) / busy_min
cost_share = paid_over_busy / (fill_percent / 100) / peak
