"""Posts through the tiers: rules, models, judge, a person."""

from __future__ import annotations

from .default import default_moderator
from .moderator import Moderator

__all__ = ["Moderator", "default_moderator"]
