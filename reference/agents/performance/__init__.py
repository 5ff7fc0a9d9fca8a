"""Queries in loops, quadratic work, resources never let go and blocked event loops: an AST checker of our own."""

from .specialist import PerformanceSpecialist

__all__ = ["PerformanceSpecialist"]
