"""Question 3: model versions and their rollout. Assumptions and claims."""

from .assumptions import Q3Assumptions

__all__ = ["Q3Assumptions"]
