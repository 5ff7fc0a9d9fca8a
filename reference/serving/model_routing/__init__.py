"""A small self-hosted model, a router between it and a strong one, and what that is worth."""
