"""What the notebook measures about the reviewer: waiting, sizes of changes, tiers on the small model, the hard stop."""
