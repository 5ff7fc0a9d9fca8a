"""One answer that earns full marks; others do too. Own GPUs may be right where embeddings are most of the bill, a
semantic cache where somebody judged the pairs. What counts is an order by numbers, a bound that decides, and a refusal
that this case explains."""

"""
Week 1: export usage by feature, model, customer, tokens in and out. If one feature makes more than half of the bill,
everything below starts there.

Switches first. Shorter system prompts and bounded answers: about 15 % of the bill, one week. Work that nobody waits
for goes to the batch API at half price: if 20 % can wait, 10 % of the remaining 85. An exact cache, keyed by customer,
model version and prompt, so that no answer can cross customers: perhaps 10 % of what is left, one week.

Weeks 3 to 6: 1,000 requests, answered by both models, judged blind by two support agents. Only then routing: with half
of the requests at a tenth of the price it takes about 45 % of what is left. Together roughly 60 % of the bill; routing
alone would promise the target without the labels it needs.

Allowed loss: two percentage points of right answers on the same 1,000. If the upper end of the 95 % interval passes
that, the router's threshold goes up until it does not, or the router goes off. A weekly sample of 200 keeps watching.

Refused: the semantic cache. A wrong answer here costs a contract or a support contact, dollars against the cents of a
call, and look-alike questions lie nearer than paraphrases.
"""
