"""What may be claimed: exact bounds, sample sizes, escalation curves, agreement, cost."""
