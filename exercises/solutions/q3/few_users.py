"""One answer, for 2,000 users a day and 1% errors; others earn as much. What counts is the arithmetic of the canary,
replacements with what each finds, an observation that sends the version back, and a harm that would still be missed."""

"""
5% of 2,000 are 100 people a day; one of them meets an error anyway. Doubled errors would need about 19,000 users
in all, nine days; only a version that fails for one in twenty would show in one. The canary is a ritual here.

Instead, in this order:

1. Gates on 3,000 recorded requests, both versions on the same ones. Paired, they find a fall of one or two points; not
   one unsafe answer among them excludes a rate of 0.1%. This finds what the text shows.
2. Shadow traffic for two days: every request goes to both, only production answers. This finds crashes, latency, length
   and format, with all 2,000 users a day and no risk.
3. Half of the users for a week, not 5%: an even split tells five times as much. The measure is "the user asked again
   or edited the answer", one in five, not errors, one in a hundred. Two people read fifty answers a day.

Back at once on one unsafe answer that a reader confirms, or when the sequential test of repeated questions exceeds its
limit; the old version stays loaded, so that takes half a minute.

Unknown: harm to one user in a thousand that no recorded request resembles, and anything that shows after weeks. The
product owner signs that, by name, in the release note.
"""
