"""Where changes come from: a repository, a patch file, two trees in memory."""

from reference.agents.sources.coverage import covered_lines, read_coverage, with_coverage
from reference.agents.sources.git import GitSnapshot, from_git
from reference.agents.sources.memory import MemorySnapshot, from_texts
from reference.agents.sources.patch import from_patch

__all__ = [
    "GitSnapshot", "MemorySnapshot", "from_git", "from_patch", "from_texts",
    "covered_lines", "read_coverage", "with_coverage",
]  # fmt: skip
