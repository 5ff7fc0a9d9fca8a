"""Slips of question 5."""

from exercises.slips.kind import Slip

SLIPS = {
    # A bill and its prices.
    "output_at_input_price": Slip("tokens out have a price of their own, and it is the higher one", 0.25),
    "prices_swapped": Slip("the two prices seem to be swapped", 0.25),
    "factor_upside_down": Slip("the factor is upside down: must a request get dearer or cheaper?", 0.25),
    "forgot_output_tokens": Slip("this leaves the tokens out unpaid: all of the money goes to the tokens in"),
    "discount_on_everything": Slip("the discount is taken on everything: which part may wait?"),
    "share_saved_whole": Slip("what waits costs half, not nothing", 0.25),
    "discount_on_the_others": Slip("the discount is taken on the wrong part", 0.25),
    # Savings that meet.
    "savings_added": Slip("savings are added: of which bill does the second one take its share?"),
    "saving_for_bill": Slip("this is what all of them save together"),
    "promise_for_overlap": Slip("this is what they promise one by one: how much of it is not there?", 0.25),
    "alone_for_marginal": Slip("this is the saving alone, as if it always came first"),
    "only_as_the_last": Slip("this is the saving as the last one: in how many orders does it stand there?", 0.25),
    "only_first_and_last": Slip("this is the mean of first and last place: which places are missing?", 0.25),
    "saving_split_evenly": Slip("this splits the saving evenly, whoever brought it"),
    "one_order_only": Slip("this seems to follow one order only"),
    "alone_scaled": Slip("this seems to scale the savings alone: what do they know about overlap?"),
    "sets_counted_alike": Slip("every set seems to count alike: how many orders have it in this place?"),
    # GPUs of one's own.
    "planned_at_full_load": Slip("this plans with the full rate: what about the load's ups and downs?"),
    "utilisation_multiplied": Slip("the planned share goes the wrong way: do you need more GPUs or fewer?", 0.25),
    "forgot_people": Slip("somebody has to run it", 0.5),
    "people_per_gpu": Slip("the people are paid once, not per GPU", 0.25),
    "paid_by_use": Slip("a rented GPU costs the same when it idles: pay for whole ones", 0.25),
    "forgot_running_cost": Slip("what the machinery itself costs is missing", 0.5),
    # Caches.
    "only_right_hits": Slip("wrong answers come from the cache too: they also spare a call", 0.25),
    "rates_for_shares": Slip("the rates are shares of their own sort of request, not of all"),
    "all_repeats_hit": Slip("not every repeat is found"),
    "forgot_lookup": Slip("every request pays the lookup, hit or miss", 0.5),
    "false_rate_of_all_requests": Slip("the false-hit rate is a share of the look-alikes, not of all requests", 0.25),
    "false_rate_of_hits": Slip("the false-hit rate is a share of the look-alikes, not of the hits", 0.25),
    "each_asker_loads": Slip("equal requests at the same time seem to load once each"),
    "failure_kept": Slip("a failure seems to be kept: the next one to ask should load again"),
    "waiters_load_again": Slip("after a failure those who waited seem to load again, one by one"),
    "one_lock_for_all": Slip("different keys seem to wait for each other"),
    "leader_takes_load_along": Slip("when the first one leaves, the load seems to die for all who wait"),
    "load_left_running": Slip("when nobody waits any more, the load seems to go on"),
    "kept_from_the_start": Slip("the time that an answer is kept seems to run from the start of its load"),
    "kept_for_ever": Slip("answers seem to be kept for ever"),
}
