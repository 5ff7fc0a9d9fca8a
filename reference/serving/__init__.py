"""Serving: the shared engine, models, and the gateway of question 1."""
