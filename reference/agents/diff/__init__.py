"""What a change is: its files, lines and roles, read from a patch that nobody vouches for."""

from reference.agents.diff.apply import apply_hunks
from reference.agents.diff.compute import hunks_of
from reference.agents.diff.parse import Limits, ParsedPatch, parse_patch

__all__ = ["Limits", "ParsedPatch", "apply_hunks", "hunks_of", "parse_patch"]
