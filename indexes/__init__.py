"""Vectors and records of media collections on disk; knows nothing of models or media files.

Names are loaded when first used: importing this package alone costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from indexes.errors import (
        FilterError,
        FingerprintMismatchError,
        IndexFormatError,
        IndexLockedError,
        IndexNotFoundError,
        IndexStoreError,
        IndexWriteError,
        JepaError,
        NewerFormatError,
    )
    from indexes.health import Problem
    from indexes.left_out import LeftOut, LeftOutFile
    from indexes.manifest import Manifest
    from indexes.records import ClipHit, ClipRecord, ClipSpeech, ClipWindows, ClipWriting, MediaRecord
    from indexes.rows import FileRows
    from indexes.stats import IndexStats
    from indexes.store import Index
    from indexes.vectors.plan import Plan
    from indexes.vectors.search_settings import SearchSettings
    from indexes.writer import IndexWriter

__all__ = [
    "ClipHit",
    "ClipRecord",
    "ClipSpeech",
    "ClipWindows",
    "ClipWriting",
    "FileRows",
    "FilterError",
    "FingerprintMismatchError",
    "Index",
    "IndexFormatError",
    "IndexLockedError",
    "IndexNotFoundError",
    "IndexStats",
    "IndexStoreError",
    "IndexWriteError",
    "IndexWriter",
    "JepaError",
    "LeftOut",
    "LeftOutFile",
    "Manifest",
    "MediaRecord",
    "NewerFormatError",
    "Plan",
    "Problem",
    "SearchSettings",
]

_MODULES = {
    "ClipHit": "records",
    "ClipRecord": "records",
    "ClipSpeech": "records",
    "ClipWindows": "records",
    "FileRows": "rows",
    "ClipWriting": "records",
    "Index": "store",
    "IndexStats": "stats",
    "IndexWriter": "writer",
    "LeftOut": "left_out",
    "LeftOutFile": "left_out",
    "Manifest": "manifest",
    "MediaRecord": "records",
    "Plan": "vectors.plan",
    "Problem": "health",
    "SearchSettings": "vectors.search_settings",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'errors')}"), name)
