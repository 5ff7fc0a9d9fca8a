"""Question 5: a bill of $500K a month and six ways to lower it. Assumptions and claims."""

from .assumptions import Q5Assumptions

__all__ = ["Q5Assumptions"]
