"""Exercises of question 5."""
