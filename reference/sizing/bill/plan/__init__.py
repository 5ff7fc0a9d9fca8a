"""What to do about a bill: six strategies, what they save together, and in which order to build them."""

from .assumptions import Assumed, PlanAssumptions, assumed
from .plan import Milestone, Plan, Step, make_plan
from .source import SourceBill, SourceRow, source_bill
from .strategies import Applied
from .subsets import NAMES, TITLES

__all__ = [
    "NAMES", "TITLES", "Applied", "Assumed", "Milestone", "Plan", "PlanAssumptions", "SourceBill", "SourceRow", "Step",
    "assumed", "make_plan", "source_bill",
]  # fmt: skip
