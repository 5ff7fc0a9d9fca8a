"""HTTP service of retrieval (written by helper E, see its modules)."""
