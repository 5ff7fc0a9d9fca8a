"""One review: plan, five specialists side by side within time and money, one answer."""

from .aggregate import Aggregated, aggregate
from .budget import BudgetError, Ledger
from .plan import PlanLimits, make_plan
from .reviewer import Reviewer, ReviewSettings, default_reviewer, five_specialists

__all__ = [
    "Aggregated",
    "BudgetError",
    "Ledger",
    "PlanLimits",
    "ReviewSettings",
    "Reviewer",
    "aggregate",
    "default_reviewer",
    "five_specialists",
    "make_plan",
]
