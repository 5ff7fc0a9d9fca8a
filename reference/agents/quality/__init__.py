"""Certain bugs, leftovers and growing complexity on the lines that a change adds."""

from reference.agents.quality.specialist import QualitySpecialist

__all__ = ["QualitySpecialist"]
