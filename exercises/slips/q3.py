"""Slips of question 3."""

from exercises.slips.kind import Slip

SLIPS = {
    # How many users, how many cases.
    "two_sided_level": Slip("this is a two-sided test: which direction is asked about?", 0.5),
    "balanced_split": Slip("this is an even split: how many users are on the smaller side?", 0.25),
    "forgot_power": Slip("at this size every second canary misses the rise: where is the power?", 0.25),
    "one_arm_for_both": Slip("users of one side and of both are mixed up here", 0.25),
    "forgot_share": Slip("not everybody meets the candidate", 0.25),
    "rule_of_three": Slip("three over the limit is a rule of thumb: the exact number is asked for", 0.75),
    "one_expected": Slip("in so many cases one is expected at the limit: how often does none come all the same?", 0.0),
    "point_for_bound": Slip("this is the share that was seen, not a bound: what may the true rate be?", 0.0),
    "normal_bound": Slip("this is the normal approximation, which is too low for few events", 0.25),
    # Looks and pairs.
    "budget_not_divided": Slip("every check takes the whole probability in this", 0.25),
    "decimal_logarithm": Slip("this is a logarithm to the base of ten", 0.5),
    "quantile_for_evidence": Slip("this is a quantile of one look: it does not survive many", 0.0),
    "one_metric_only": Slip("this is one metric: any of them stops the release", 0.25),
    "passed_for_stopped": Slip("these are the releases that pass", 0.5),
    "level_that_is_not_there": Slip("nobody gave the old rule a level: how often is a metric worse by chance?", 0.0),
    "only_the_lost": Slip("the candidate wins cases as well", 0.25),
    "of_the_changed": Slip("this is a share of the changed cases: of which cases is accuracy a share?", 0.25),
    "exactly_so_many": Slip("this is the probability of exactly so many: what about more?", 0.25),
    "unpaired_test": Slip("two separate samples would need this: here both answer the same cases", 0.0),
    # The way back.
    "forgot_production": Slip("the version that serves needs its place too", 0.5),
    "forgot_cache_room": Slip("the KV cache needs its room too", 0.25),
    "forgot_in_flight": Slip("the answers under way are forgotten", 0.5),
    "forgot_poll": Slip("routers that have not read the new state yet are forgotten", 0.5),
    "link_bits_for_bytes": Slip("the link is given in bits per second", 0.5),
    "forgot_weights_load": Slip("the weights have to be loaded", 0.25),
    "start_only": Slip("the new replica is ready then: who still serves the bad version, and for how long?", 0.5),
    "counted_usual_errors": Slip("this counts errors that production would have made as well", 0.25),
    "switching_only": Slip("this is the time of the switch: how long did nobody know that it was needed?", 0.0),
    # The decision of one look.
    "silence_promoted": Slip("a check without outcomes seems to be taken for a check that found nothing"),
    "harm_waits": Slip("harm seems to wait until the step has baked, or until something else is settled"),
    "no_harm_for_safe": Slip("no harm shown seems to be taken for harmlessness shown"),
    "mismatch_as_harm": Slip(
        "a split that is off seems to be treated as harm: does it say anything about the version?"
    ),
    # Who gets which version.
    "salt_without_rollout": Slip("the same users seem to be the first in every rollout"),
    "share_in_hash": Slip("users seem to change sides to and fro while the share grows"),
    "pause_sends_back": Slip("a pause seems to send users back: who had the candidate keeps it"),
    "final_phase_ignored": Slip("the share seems to be followed after the rollout has ended"),
}
