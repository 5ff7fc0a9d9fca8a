"""Video: frames chosen within a budget, duplicates skipped, each looked at as an image."""
