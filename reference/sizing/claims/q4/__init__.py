"""Question 4: content moderation at a million posts per minute. Assumptions, claims, corrected design, simulation."""

from .assumptions import Q4Assumptions
from .design import Design, Plan, corrected_design_q4

__all__ = ["Design", "Plan", "Q4Assumptions", "corrected_design_q4"]
