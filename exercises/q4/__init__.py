"""Exercises of question 4."""
