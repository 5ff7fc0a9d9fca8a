"""One answer that earns full marks; others do too. What counts is a lever with its size, a measurement with a threshold
that decides, something that is never given up, and what the user meets."""

"""
Caching and shorter prompts move this bill by tens of per cent; the missing factor of four only comes from the model. I
would send every conversation to an 8B model first and only those it cannot settle to the large one. A token of the 8B
model costs roughly a ninth (its weights do), so at 10 % escalations the GPUs shrink to about 0.1 + 0.11 = 21 %.

Before that: replay 2,000 sampled conversations through both, people judge pairs blind. If the small model loses more
than 5 percentage points on resolved cases, or escalates more than 12 %, the answer is no, and I would ask for fewer
users instead (employees and paying customers first).

Never given up: the filter on personal data and the 500 ms to the first token, for the one is law and the other is what
users leave over.

A user notices a second, better answer after "that did not help", about one in ten times. It shows as the escalation
rate and as repeated questions within a session.
"""
