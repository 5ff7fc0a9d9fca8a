"""Exercises of question 2."""
