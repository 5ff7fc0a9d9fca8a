"""Little's law three times: what stands open is a rate times a time. A waiting client stays for the whole job, a
poll for one short exchange. A job is asked for job_s / interval_s times for nothing and once more with success, so
polls come at rate x (job_s / interval_s + 1); submissions come at the rate itself. The connections shrink, the
requests multiply."""

held_sync = rate * job_s
polls_per_s = rate * (job_s / interval_s + 1)
held_jobs = (rate + polls_per_s) * exchange_ms / 1000
