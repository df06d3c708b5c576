"""Work that takes long, such as indexing: in processes of their own, with progress, and cancelled when asked for."""
