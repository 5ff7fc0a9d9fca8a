"""The false positive rate is a share of the posts that violate nothing, which are nearly all; the miss rate is a share
of the few that do. So a tiny rate times nearly everything is set against nearly everything of something tiny. For a
precision that is wanted, its odds must equal the odds of a violating post times (1 - fnr) / fpr."""

posts = posts_per_minute * 24 * 60
wrongly_removed = posts * (1 - prevalence) * fpr
missed = posts * prevalence * fnr
rightly_removed = posts * prevalence * (1 - fnr)
precision_percent = 100 * rightly_removed / (rightly_removed + wrongly_removed)

odds = wanted / (1 - wanted) * fpr / (1 - fnr)
needed_percent = 100 * odds / (1 + odds)
