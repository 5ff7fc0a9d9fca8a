"""One answer that earns full marks; others do too (polls instead of a stream, a drain instead of a lease). What
counts is that the work does not hang on a connection, that somebody who left is told, and that each of the three
accidents has a named defence. The numbers are those of 20 minutes and 600 starts an hour."""

"""
A job. An open call is cut after 60 silent seconds, and a bare stream dies with the laptop of 60 % of the people. POST
/jobs with an idempotency key: a double click gets the same id. The worker writes each step ("reading source 4 of 11")
as a numbered event; the page reads them as a resumable stream with heartbeats below the proxy's limit and comes back
with Last-Event-ID. Closing the laptop ends the reading, not the run.

At the end: a push message or mail with a link; the result is stored for 30 days, and the message holds none of it.

Cancel sets a mark; each step begins by looking at it. A deployment lets a worker finish its step and give the job
back; a killed one loses its lease, and another begins from the last stored step. Only the holder of the lease may
write the result, so a run started twice ends once.

Under way at the peak: 600 per hour x 20 minutes = 200 runs, at 16 slots 13 workers; I would hold 17, scale on the age
of the oldest waiting job.
"""
