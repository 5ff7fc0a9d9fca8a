"""Claims ledger: every figure of the source answers, recomputed and judged. `claims(1)` judges those of question 1."""

from .coverage import JudgedFigure, StatedFigure, figure_counts, judged_figures, stated_figures
from .ledger import Claim, as_dataframe, claim, claims, judge, questions, to_dict
from .surprising import Surprise, most_surprising
from .verdicts import Outcome, close_to, enough, not_above, over_choices, over_range, reaches

__all__ = [
    "Claim", "JudgedFigure", "Outcome", "StatedFigure", "Surprise", "as_dataframe", "claim", "claims", "close_to",
    "enough", "figure_counts", "judge", "judged_figures", "most_surprising", "not_above", "over_choices", "over_range",
    "questions", "reaches", "stated_figures", "to_dict",
]  # fmt: skip
