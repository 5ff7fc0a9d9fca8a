"""Question 1: serve an LLM to a million daily users. Assumptions, claims, and the corrected design."""

from .assumptions import Q1Assumptions
from .design import Design, Option, corrected_design_q1, option

__all__ = ["Design", "Option", "Q1Assumptions", "corrected_design_q1", "option"]
