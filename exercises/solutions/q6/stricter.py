"""One answer that earns full marks; others do too. Making it stricter may be right where a rule for this very fault
exists and was muted. What counts is a rate instead of one case, a trial without posting, a number that says no, and an
honest word about what the tool cannot see."""

"""
One fault says nothing about a rate. First I replay the last twelve months: how many incidents came from changes that we
had reviewed, and on how many of these did any rule, posted or silent, fire?

This cause: a wrong comparison in a right-looking line has no shape, so no rule of ours sees it; a test on the boundary
would have, and a canary would have cut two hours to minutes. I propose both, whatever we do with the reviewer. (For a
migration or a loop without a limit there is a shape: then a rule is worth writing.)

The stricter rule runs for two weeks without posting. It must show at least 30 findings, judged by the authors, with the
lower end of the precision's 95 % interval above 40 %. Today a comment stands on every second change: at 200 changes and
150 developers that is two thirds of a comment each a day, half of them acted on. If the share acted on falls under 35
%, or developers get more than one comment a day, the answer is no: then they stop reading the good ones too.

What I tell them: in two weeks you have the replay and a yes or no with these numbers; boundary tests for the checkout
by Friday. And: logic errors like this one will still pass the reviewer.
"""
