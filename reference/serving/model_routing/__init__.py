"""Which model answers: a small self-hosted one, a router that is trained on recorded answers, its cost-quality curve."""
