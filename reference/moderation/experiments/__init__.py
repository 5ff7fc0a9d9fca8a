"""What question 4 measures end to end."""
