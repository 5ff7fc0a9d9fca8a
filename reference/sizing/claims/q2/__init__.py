"""Question 2: retrieval over 10,000 documents at 1,000 queries per second. Assumptions, claims, corrected design."""

from .assumptions import Q2Assumptions
from .design import corrected_design_q2, plan_q2
from .plans import Design, Plan, StagePlan

__all__ = ["Design", "Plan", "Q2Assumptions", "StagePlan", "corrected_design_q2", "plan_q2"]
