"""Question 6: a multi-agent code reviewer. Assumptions and claims."""

from .assumptions import Q6Assumptions

__all__ = ["Q6Assumptions"]
