"""Vector search on CUDA GPUs: kinds that are chosen by their memory, and indexes that stay there between searches."""
