"""Run a student's code apart from this machine."""

from workbook.grading.sandbox.choose import best_sandbox
from workbook.grading.sandbox.kinds import Bubblewrap, Namespaces, Sandbox, Unprotected
from workbook.grading.sandbox.running import run

__all__ = ["Bubblewrap", "Namespaces", "Sandbox", "Unprotected", "best_sandbox", "run"]
