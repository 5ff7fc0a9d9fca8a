"""Changed code without tests, and tests that test nothing."""

from reference.agents.testing.specialist import TestsSpecialist

__all__ = ["TestsSpecialist"]
