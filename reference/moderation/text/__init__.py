"""What every later stage reads of a text: its two views, the key that literals are matched on, and its language."""
