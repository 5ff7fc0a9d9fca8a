"""BM25: the analysis of text, the weights, a fast index, a readable one, and an adapter for Elasticsearch."""
