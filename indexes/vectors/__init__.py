"""Vector search over the clips: derived files, exact search, HNSW, GPU."""

from typing import Any


def import_faiss() -> Any:
    """FAISS, loaded when it is first needed. Untyped: the library's own stubs lack much of what it has."""
    import faiss

    return faiss
