"""Search, classify, question and watch video by meaning.

`Library` is a folder of media and its index; `open_media` takes files that no index has. What is imported here is
loaded when it is first used: importing this package alone costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jepa_retrieval.errors import JepaError, MediaError, ModelError, UnreadableMediaError, UsageError
    from jepa_retrieval.libraries import GatheredResult, Libraries
    from jepa_retrieval.library import Library, find_index
    from jepa_retrieval.media.streams.source import StreamSource
    from jepa_retrieval.media_set import MediaSet, open_media
    from jepa_retrieval.tasks.asking.ask import Answers
    from jepa_retrieval.tasks.asking.candidates import Candidate
    from jepa_retrieval.tasks.asking.classify import Classification
    from jepa_retrieval.tasks.asking.explain import Explanation, explain
    from jepa_retrieval.tasks.indexing.failures import FileFailure
    from jepa_retrieval.tasks.indexing.report import IndexReport
    from jepa_retrieval.tasks.searching.dedupe import DuplicateReport
    from jepa_retrieval.tasks.searching.moments import Moment
    from jepa_retrieval.tasks.searching.query import ImageQuery, MomentQuery, Query, VideoQuery
    from jepa_retrieval.tasks.searching.search import SearchResult
    from jepa_retrieval.tasks.watching.alerts import Alert
    from jepa_retrieval.tasks.watching.chapters import Chapter, find_chapters
    from jepa_retrieval.tasks.watching.watch import Described, Watcher, WatchOptions

    __version__: str

__all__ = [
    "Alert",
    "Answers",
    "Candidate",
    "Chapter",
    "Classification",
    "Described",
    "DuplicateReport",
    "Explanation",
    "FileFailure",
    "GatheredResult",
    "ImageQuery",
    "IndexReport",
    "JepaError",
    "Libraries",
    "Library",
    "MediaError",
    "MediaSet",
    "ModelError",
    "Moment",
    "MomentQuery",
    "Query",
    "SearchResult",
    "StreamSource",
    "UnreadableMediaError",
    "UsageError",
    "VideoQuery",
    "WatchOptions",
    "Watcher",
    "__version__",
    "explain",
    "find_chapters",
    "find_index",
    "open_media",
]

_MODULES = {
    "Alert": "tasks.watching.alerts",
    "Answers": "tasks.asking.ask",
    "Candidate": "tasks.asking.candidates",
    "Chapter": "tasks.watching.chapters",
    "Classification": "tasks.asking.classify",
    "Described": "tasks.watching.watch",
    "DuplicateReport": "tasks.searching.dedupe",
    "Explanation": "tasks.asking.explain",
    "FileFailure": "tasks.indexing.failures",
    "GatheredResult": "libraries",
    "ImageQuery": "tasks.searching.query",
    "IndexReport": "tasks.indexing.report",
    "Libraries": "libraries",
    "Library": "library",
    "MediaSet": "media_set",
    "Moment": "tasks.searching.moments",
    "MomentQuery": "tasks.searching.query",
    "Query": "tasks.searching.query",
    "SearchResult": "tasks.searching.search",
    "StreamSource": "media.streams.source",
    "VideoQuery": "tasks.searching.query",
    "WatchOptions": "tasks.watching.watch",
    "Watcher": "tasks.watching.watch",
    "explain": "tasks.asking.explain",
    "find_chapters": "tasks.watching.chapters",
    "find_index": "library",
    "open_media": "media_set",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "__version__":
        from importlib.metadata import version

        return version("jepa-retrieval")
    return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'errors')}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
