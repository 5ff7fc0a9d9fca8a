"""Slips of question 1."""

from exercises.slips.kind import Slip

SLIPS = {
    # Memory.
    "query_heads_for_kv_heads": Slip("this counts query heads: which heads does the cache hold?", 0.25),
    "forgot_keys_or_values": Slip("half of it is missing: the cache holds keys and values", 0.25),
    "forgot_layers": Slip("this is one layer", 0.0),
    # Fleets.
    "full_utilisation": Slip("this keeps every replica busy all the time: what does the queue do then?", 0.25),
    "busy_share_over_a_day": Slip("the busy share is spread over all 24 hours: in how many does it come?", 0.25),
    "forgot_start_up_part": Slip("a part of the start is missing: four things happen one after the other", 0.25),
    "whole_burst": Slip("this counts all that arrives: what do the replicas that run already carry?", 0.25),
    "one_gpu_per_replica": Slip("this pays one GPU per replica", 0.25),
    "quiet_hours_free": Slip("nothing is paid for the quiet hours: is nobody served then?", 0.25),
    "ceiling_for_headroom": Slip(
        "the share that may be used stands on the wrong side: does a ceiling need more or fewer?", 0.25
    ),
    # The rate limiter.
    "fixed_window": Slip("this seems to count per full minute: how much passes just before and after its end?"),
    "refusal_charged": Slip("a refused charge seems to be taken from the quota"),
    "one_quota_for_all": Slip("all keys seem to share one quota"),
    "idle_time_hoarded": Slip("a key that was idle seems to save up more than its limit"),
    "refills_whole_cells": Slip("part of a cell that was regained seems to be lost at each call"),
    # The window of a conversation.
    "answer_not_reserved": Slip("the prompt seems to take the room of the answer"),
    "skips_large_turns": Slip("older turns seem to stay although a later one goes: the conversation would have holes"),
    "oldest_kept": Slip("the oldest turns seem to stay: which ones will the next answer refer to?"),
    "folds_to_the_brim": Slip("it seems to fold no further than it must: when is the next fold?"),
    "summary_without_room": Slip("no room seems to be left for the summary"),
}
