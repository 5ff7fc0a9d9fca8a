"""Exercises of question 3."""
