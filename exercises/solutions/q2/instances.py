"""Little's law turns what is in flight into a rate: slots over seconds. Each question that misses the cache is searched
in all its wordings, but merged and reranked once, and it holds a slot of the model twice: while the wordings are
written, and while the answer is. The cache saves money on most days; the fleet has to be there on the day it is empty
(or the extra load has to be shed), so it saves no machine that you cannot get within minutes."""

import math

missed = rate * (1 - hit)
searches = missed * (1 + variations)


def pool(arriving, slots, seconds):
    each = slots / seconds  # per second
    return math.ceil(arriving / (each * ceiling)) + 1


rerank_gpus = pool(missed, rerank_slots, rerank_ms / 1000)
llm_instances = pool(missed, llm_slots, expand_s + answer_s)
llm_cold = pool(rate, llm_slots, expand_s + answer_s)
