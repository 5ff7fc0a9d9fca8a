"""Analysers of others, run as subprocesses on copies of the changed files, away from the repository's own settings."""

from .isolation import Completed, ToolFailed, run_isolated

__all__ = ["Completed", "ToolFailed", "run_isolated"]
