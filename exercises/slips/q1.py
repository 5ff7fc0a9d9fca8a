"""Slips of question 1."""

from exercises.slips.kind import Slip

SLIPS = {
    "query_heads_for_kv_heads": Slip("this counts query heads: which heads does the cache hold?", 0.25),
    "forgot_keys_or_values": Slip("half of it is missing: the cache holds keys and values", 0.25),
    "forgot_layers": Slip("this is one layer", 0.0),
}
