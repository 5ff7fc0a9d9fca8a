"""Fixtures of this folder; what they are made of is in lab_parts.py."""

from lab_parts import interviews, lab, page

__all__ = ["interviews", "lab", "page"]
