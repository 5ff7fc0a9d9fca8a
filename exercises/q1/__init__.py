"""Exercises of question 1."""
