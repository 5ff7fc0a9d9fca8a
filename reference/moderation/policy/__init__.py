"""Policy as data: what each category means, who decides at which score, where and from when."""

from __future__ import annotations

from .book import PolicyBook, default_policy_folder
from .model import CATEGORIES, CategoryPolicy, Policy

__all__ = ["CATEGORIES", "CategoryPolicy", "Policy", "PolicyBook", "default_policy_folder"]
