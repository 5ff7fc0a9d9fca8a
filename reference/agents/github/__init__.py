"""GitHub: the webhook that takes deliveries, the client that reads, and a fake to test both against."""
