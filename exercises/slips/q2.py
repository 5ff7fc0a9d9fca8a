"""Slips of question 2."""

from exercises.slips.kind import Slip

SLIPS = {
    "ranks_from_zero": Slip("the first place seems to count as rank 0"),
    "counted_twice": Slip("what is named twice in one list seems to be counted twice"),
    "ties_unordered": Slip("equal scores are not ordered as the task says"),
}
