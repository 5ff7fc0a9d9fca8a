"""Exercises with variants, diagnosis and rubrics. `practice` is what a notebook calls.

from exercises import practice
kv = practice("q1-kv-per-token")       # shows the task with your own numbers
kv.check(kv_kib_per_token=320)         # right, which mistake it smells like, or not attempted
kv.hint(); kv.solution()
"""

from exercises.model import ExerciseError
from exercises.practice import practice

__all__ = ["ExerciseError", "practice"]
