"""Exercises of question 7."""
