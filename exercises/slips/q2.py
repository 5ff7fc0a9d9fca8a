"""Slips of question 2."""

from exercises.slips.kind import Slip

SLIPS = {
    # Fusion.
    "ranks_from_zero": Slip("the first place seems to count as rank 0"),
    "counted_twice": Slip("what is named twice in one list seems to be counted twice"),
    "ties_unordered": Slip("equal scores are not ordered as the task says"),
    # The corpus.
    "overlap_ignored": Slip("this steps by whole windows: how many new tokens does each bring?", 0.25),
    "words_for_tokens": Slip("a window is measured in tokens, this counts words", 0.25),
    "one_long_text": Slip("windows do not run on from one document into the next", 0.5),
    "one_byte_per_value": Slip("this takes one byte per value", 0.25),
    "vectors_only": Slip("the vectors alone: what does a search read besides them?", 0.25),
    "graph_forgotten": Slip("the links of the graph are missing", 0.5),
    "payload_forgotten": Slip("text and metadata are missing: are they kept in memory here?", 0.5),
    # Fan-out.
    "own_wording_forgotten": Slip("the user's own wording is searched as well", 0.25),
    "fan_out_forgotten": Slip("one query is not one search: what does the expansion multiply?", 0.0),
    "fan_out_everywhere": Slip("not every stage sees each wording: where are the lists already merged?", 0.25),
    "expansion_call_forgotten": Slip("somebody has to write the wordings: whose time is that?", 0.25),
    "call_per_wording": Slip("the wordings are written together, and answered once", 0.25),
    "cache_unused": Slip("the cache is full here: what it answers is not searched", 0.5),
    "warm_cache": Slip("this counts on a cache that is full: when is it not?", 0.25),
    # Metrics.
    "precision_for_recall": Slip("recall seems to be divided by k: how many could be found at all?"),
    "ideal_of_found": Slip("the best possible order seems to be made of what was found: what was missed?"),
    "missing_left_out": Slip("a question without a ranking seems to be left out of the mean"),
    "discount_one_off": Slip("the discount of the first place is not 1: is the logarithm one place off?"),
    "beyond_k": Slip("what stands behind the k-th place seems to count"),
    # Windows.
    "overlap_in_words": Slip("the overlap seems to be counted in words"),
    "words_cut": Slip("words seem to be cut in two"),
    "tail_of_repeats": Slip("there seems to be a last window that holds nothing new"),
    "overlap_too_long": Slip("more seems to be repeated than the overlap allows"),
}
