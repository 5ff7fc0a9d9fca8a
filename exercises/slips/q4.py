"""Slips of question 4."""

from exercises.slips.kind import Slip

SLIPS = {
    # Tiers.
    "decides_for_sees": Slip("that is what the tier decides: what has to pass through it first?", 0.25),
    "every_post_again": Slip("what the tier before has decided does not come", 0.25),
    "share_of_the_open": Slip("the share is one of all posts, not of those that are left open", 0.25),
    "hits_for_misses": Slip("the hits need no call: what happens to the others?", 0.25),
    "forgot_cache": Slip("the cache answers a part of them", 0.5),
    "posts_for_calls": Slip("these are posts: how many of them share one call?", 0.25),
    "batched_twice": Slip("the batch is divided by twice: the rate of an instance is one of calls", 0.25),
    "always_busy": Slip("every instance is always busy in this: what becomes of the queue?", 0.25),
    # People.
    "per_minute_for_per_second": Slip("a figure per second is taken for one per minute", 0.25),
    "rate_for_people": Slip("these are cases per second: how long does a person stay with one?", 0.0),
    "all_seats_busy": Slip("no seat is ever free in this: a case that comes must wait", 0.5),
    "seats_for_people": Slip("these are seats: how much of a shift does one person fill one?", 0.25),
    "longer_of_both": Slip("two limits hold for a shift: which of them is reached first?", 0.5),
    "three_shifts": Slip("three shifts a day: what about weekends, leave and illness?", 0.25),
    "nobody_away": Slip("nobody is ever ill, on leave or in training in this", 0.5),
    "agreement_for_kappa": Slip("this is the agreement itself: how much of it would chance bring?"),
    "even_chance": Slip("every verdict seems to be taken as equally likely"),
    "pooled_chance": Slip("both reviewers seem to be thrown together: each of them has habits of their own"),
    "undefined_as_zero": Slip("where kappa is not defined, something is returned all the same"),
    # Error rates.
    "per_minute_for_day": Slip("this is a minute: a day is asked for", 0.5),
    "rate_of_violating": Slip("the false positive rate is a share of the posts that do not violate", 0.0),
    "rate_of_all_posts": Slip("the miss rate is a share of the posts that violate", 0.0),
    "base_rate_forgotten": Slip("this forgets how few posts violate: of which posts is each rate a share?", 0.0),
    "recall_for_precision": Slip("this is the share of the violating posts that is caught: the other way round", 0.0),
    "odds_for_share": Slip("these are odds, right to wrong: a share of all removals is asked for", 0.5),
    "odds_upside_down": Slip("right and wrong removals have changed places", 0.25),
    "odds_not_used": Slip("a share cannot be multiplied here: write it as odds", 0.25),
    "of_all_posts": Slip("only posts that do not violate can be removed wrongly: what is n?"),
    "threshold_left_out": Slip("a score equal to the threshold seems to be left out"),
}
