"""What a user asked of the search, and sample queries to measure it with: two small files beside the manifest.

Both are kept when the vector index is built anew. Without them the defaults hold and measurements are rougher.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import shutil
from pathlib import Path

import numpy as np

from indexes.files import write_atomically
from indexes.manifest import Manifest
from indexes.vectors.kinds import KINDS, Wanted

logger = logging.getLogger(__name__)

WANTED_FILE = "search.json"
QUERIES_FILE = "queries.f32"
FORMAT_VERSION = 1


def write_wanted(folder: Path, wanted: Wanted) -> None:
    """Store what is asked of the search of the index in `folder`.

    Raises:
        OSError: the folder cannot be written.
    """
    document = {"format_version": FORMAT_VERSION, **dataclasses.asdict(wanted)}
    write_atomically(folder / WANTED_FILE, (json.dumps(document, indent=2) + "\n").encode())


def read_wanted(folder: Path) -> Wanted:
    """What is asked of the search; the defaults if nothing is stored, or nothing that can be read."""
    path = folder / WANTED_FILE
    try:
        document = json.loads(path.read_bytes())
        if document.pop("format_version") != FORMAT_VERSION:
            raise ValueError("it has another format")
        wanted = Wanted(**document)
        numbers = [value for value in (wanted.memory, wanted.recall) if value is not None]
        if not all(isinstance(value, int | float) and value > 0 for value in numbers):
            raise ValueError("a number is wrong")
        if wanted.kind is not None and wanted.kind not in KINDS:
            raise ValueError(f"there is no kind {wanted.kind!r}")
        return wanted
    except FileNotFoundError:
        return Wanted()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        logger.warning("%s is ignored: %s; `jepa optimize` writes it anew", path, error)
        return Wanted()


def write_queries(folder: Path, queries: np.ndarray) -> None:
    """Store sample queries, float32 [Q, E].

    Raises:
        OSError: the folder cannot be written.
    """
    content = np.ascontiguousarray(queries, "<f4").tobytes()
    write_atomically(folder / QUERIES_FILE, content, durable=False)


def read_queries(folder: Path, manifest: Manifest) -> np.ndarray | None:
    """The stored sample queries, float32 [Q, E]; None if there are none that can be used."""
    try:
        flat = np.frombuffer((folder / QUERIES_FILE).read_bytes(), "<f4")
        queries = flat.reshape(-1, manifest.embedding_size)
    except (OSError, ValueError):
        return None
    return queries if len(queries) and np.isfinite(queries).all() else None


def copy_wanted(old: Path, new: Path) -> None:
    """Take over what was asked of another index.

    Raises:
        OSError: the folder cannot be written.
    """
    if (old / WANTED_FILE).exists():
        shutil.copyfile(old / WANTED_FILE, new / WANTED_FILE)
