"""Slips of question 6."""

from exercises.slips.kind import Slip

SLIPS = {
    # Cost of a review.
    "forgot_instructions": Slip("what each call reads besides the diff is missing", 0.5),
    "all_agents_together": Slip("this is what all of them read together", 0.5),
    "diff_shared_out": Slip("the diff is not dealt out: every specialist reads all of it"),
    "one_copy_for_all": Slip("the diff is paid for once per call: how many calls read it?", 0.25),
    "forgot_summary": Slip("the last call is missing", 0.5),
    "calendar_for_working_days": Slip("this counts every day of the calendar", 0.5),
    # Sizes with a tail.
    "median_for_mean": Slip("this is the median: large changes pull the mean away from it"),
    "mean_of_quantiles": Slip("the middle between two quantiles is no mean"),
    "quantile_for_sigma": Slip("the 90th percentile does not lie one standard deviation up", 0.5),
    "forgot_fixed_part": Slip("instructions and answer cost something too, whatever the diff", 0.5),
    "normal_for_lognormal": Slip("this takes the sizes themselves as normal, not their logarithms"),
    # Side by side.
    "slowest_for_wall": Slip("this waits for one agent only: who works off all their processor time?"),
    "sum_for_wall": Slip("this is one after the other"),
    "waiting_for_work": Slip("waiting does not keep a core busy", 0.25),
    "one_agent_for_all": Slip("this is the work of one agent: a change takes all of them", 0.25),
    # Right, false, missed.
    "precision_recall_swapped": Slip("the two shares seem to be swapped: of what is each a share?", 0.25),
    "all_in_one_share": Slip("this is a share of everything, comments and missed faults together"),
    "plain_mean_for_f1": Slip("this is the plain mean of the two", 0.25),
    "wald_interval": Slip("this is the usual interval around the share: how wide is it for 0 of n?", 0.25),
    "upper_for_lower": Slip("this is the upper end", 0.5),
    "wrong_trials": Slip("this is an interval of another share: how many trials does this one have?", 0.25),
    "centre_alone_moved": Slip("the centre is right, the width seems to be the usual one around it", 0.25),
    "not_scaled": Slip("the ends do not solve the quadratic: what is its leading coefficient?"),
    "no_trials_no_share": Slip("without trials every share is possible"),
    "takes_any_count": Slip("counts that cannot be seem to be taken without a word"),
    # Lines of a diff.
    "old_line_numbers": Slip("these seem to be line numbers of the old text"),
    "removed_lines_counted": Slip("removed lines seem to move the new line numbers on"),
    "place_in_the_diff": Slip("these seem to be places in the diff, counted from its first hunk"),
    "hunk_without_length": Slip("hunks whose header leaves a length of 1 out seem to be lost"),
    "text_taken_for_header": Slip("a line of the text that looks like a file header seems to be taken for one"),
    "end_mark_counted": Slip("the remark about a missing line end seems to be counted as a line"),
    # The ledger.
    "reserved_not_counted": Slip("what is set aside for others seems to be free for the next one"),
    "reservation_not_released": Slip("what was set aside and not spent seems to stay away"),
    "settled_twice": Slip("the same reservation seems to be settled twice"),
    "overspend_forgotten": Slip("what was spent beyond the reservation seems to be forgotten"),
    "exact_fit_refused": Slip("what fits exactly seems to be refused"),
}
