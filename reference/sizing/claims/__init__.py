"""Claims ledger: every figure of the source answers, recomputed and judged. `claims(1)` judges those of question 1."""

from .ledger import Claim, as_dataframe, claim, claims, judge, questions, to_dict
from .verdicts import Outcome, close_to, enough, not_above, over_choices, over_range, reaches

__all__ = [
    "Claim", "Outcome", "as_dataframe", "claim", "claims", "close_to", "enough", "judge", "not_above", "over_choices",
    "over_range", "questions", "reaches", "to_dict",
]  # fmt: skip
