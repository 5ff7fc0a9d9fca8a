"""Question 7: synchronous, asynchronous and streaming inference. Assumptions and claims."""

from .assumptions import Q7Assumptions

__all__ = ["Q7Assumptions"]
