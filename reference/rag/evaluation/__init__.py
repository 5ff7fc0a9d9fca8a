"""Question sets with known answers, retrieval metrics with intervals, and the comparison of whole pipelines."""
