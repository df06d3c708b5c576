"""What a search knows of GPUs before it needs one. Imports nothing of FAISS."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from indexes.vectors.search_settings import SearchDevice


@dataclass(frozen=True, slots=True)
class GpuSettings:
    """What is searched on a GPU, and when."""

    file: Path  # of the embeddings; the same file with more rows is the same index
    rows: int  # that lie in the file; those after them are not uploaded
    device: SearchDevice = "auto"
    kind: str | None = None  # name of a kind; None: chosen by the card's memory
