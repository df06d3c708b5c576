"""What scripts share: cached embeddings, made indexes and videos, results as tables and JSON."""
