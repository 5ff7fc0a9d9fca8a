"""Plots and tables of the notebooks. A function draws what it is given and computes nothing of its own."""
