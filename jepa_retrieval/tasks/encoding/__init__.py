"""From a file to windows, tokens and embeddings, and from windows to clips."""
