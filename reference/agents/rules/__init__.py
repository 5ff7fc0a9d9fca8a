"""The registry of rules: every finding cites one, and its texts come from here, never from the change."""

from .registry import Rule, registry, rule

__all__ = ["Rule", "registry", "rule"]
