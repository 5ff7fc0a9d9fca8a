"""What a change is: its files, lines and roles, read from a patch that nobody vouches for."""

from reference.agents.diff.apply import apply_hunks
from reference.agents.diff.compute import hunks_of
from reference.agents.diff.lines import moved, touched
from reference.agents.diff.parse import Limits, ParsedPatch, parse_patch
from reference.agents.diff.suppressions import Suppression, new_suppressions
from reference.agents.diff.trivial import Trivial, skip_reason

__all__ = [
    "Limits",
    "ParsedPatch",
    "Suppression",
    "Trivial",
    "apply_hunks",
    "hunks_of",
    "moved",
    "new_suppressions",
    "parse_patch",
    "skip_reason",
    "touched",
]
