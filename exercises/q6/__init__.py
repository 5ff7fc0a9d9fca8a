"""Exercises of question 6."""
