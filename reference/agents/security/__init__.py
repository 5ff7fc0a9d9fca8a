"""Security: injection, secrets, dependencies, removed checks, and text that is aimed at the reviewer itself."""

from .specialist import SecuritySpecialist

__all__ = ["SecuritySpecialist"]
