"""Fixtures of this folder; what they are made of is in study_lab_parts.py."""

from study_lab_parts import address, home, page, project

__all__ = ["address", "home", "page", "project"]
