"""Question 2: retrieval-augmented generation, from files on disk to cited answers."""
