"""Mock interviews: one per question, with a design that follow-ups change and re-run."""
