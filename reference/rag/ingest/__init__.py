"""From documents to an index folder that can be searched: `ingestion` writes it, `knowledge_base` reads it."""
