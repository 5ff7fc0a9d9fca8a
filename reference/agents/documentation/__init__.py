"""Docstrings that a change removes, leaves stale, or does not write where the neighbours have one."""

from reference.agents.documentation.specialist import DocumentationSpecialist

__all__ = ["DocumentationSpecialist"]
