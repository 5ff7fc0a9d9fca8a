"""What the notebook of question 2 measures."""
