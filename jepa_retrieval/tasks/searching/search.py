"""Search: a query to ranked moments."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from indexes import Index
from indexes.records import ClipHit
from jepa_retrieval.arguments import as_list
from jepa_retrieval.notebook import NotebookView, Tile
from jepa_retrieval.tasks.encoding.media_root import MediaRoot
from jepa_retrieval.tasks.searching.calibration import NullDistribution, confidences
from jepa_retrieval.tasks.searching.embed_query import EmbeddedQuery, QueryEmbedder
from jepa_retrieval.tasks.searching.fusion import join_words
from jepa_retrieval.tasks.searching.moments import (
    Candidate,
    Moment,
    merge,
    offline_files,
    ranked,
    refine,
    with_captions,
)
from jepa_retrieval.tasks.searching.options import ManyOptions, SearchOptions
from jepa_retrieval.tasks.searching.query import (
    ImageQuery,
    MomentQuery,
    Query,
    QueryLike,
    VideoQuery,
    describe,
)

__all__ = [
    "ImageQuery",
    "ManyOptions",
    "Moment",
    "MomentQuery",
    "Query",
    "Rerank",
    "SearchOptions",
    "SearchResult",
    "VideoQuery",
    "describe",
    "run_embedded",
    "run_search",
    "run_searches",
]

# Clips fetched per requested moment: some merge with their neighbours. Doubled until there are enough.
OVERFETCH = 2

# Gives clips new scores. Takes the query's vector, float32 [E], and clips, best first; returns clips, best first.
Rerank = Callable[[np.ndarray, Sequence[ClipHit]], list[ClipHit]]


@dataclass(frozen=True, slots=True)
class SearchResult(NotebookView):
    """What a search found."""

    query: str
    model: str
    elapsed_ms: float
    hits: list[Moment]
    warnings: tuple[str, ...] = ()  # why the result may mean little, one sentence each

    def tiles(self) -> list[Tile]:
        """As a notebook shows it."""
        return [Tile(hit.path, hit.start, hit.end, hit.clip_id, _lines(hit)) for hit in self.hits]


def run_search(
    index: Index,
    query: QueryLike,
    options: SearchOptions,
    *,
    embedder: QueryEmbedder,
    null: NullDistribution,
    rerank: Rerank | None = None,
    overfetch: int = OVERFETCH,
    began: float | None = None,
) -> SearchResult:
    """Find moments; see `Library.search`.

    Args:
        embedder: turns the query into a vector.
        null: how neutral queries score on this index.
        rerank: a second stage that gives the fetched clips new scores.
        overfetch: clips fetched at first per requested moment.
        began: `time.perf_counter()` when the search began; None for now.
    """
    began = time.perf_counter() if began is None else began
    query = Query.of(query)
    embedded = embedder.embed(query)
    found = _candidates(index, embedded.vector, options, rerank, overfetch)
    is_offline = offline_files(embedder.media_root)
    return _result(index, query, embedded, found, options, null=null, is_offline=is_offline, began=began)


def run_searches(
    index: Index,
    queries: Sequence[QueryLike],
    options: SearchOptions,
    *,
    embedder: QueryEmbedder,
    null: NullDistribution,
) -> Iterator[SearchResult]:
    """Find moments for each of many queries; see `Library.search_many`. Arguments are those of `run_search`."""
    given = as_list("queries", queries, object, example="['a dog', 'a cat']")
    asked = [Query.of(query) for query in given]
    embedded = embedder.embed_all(asked)
    yield from run_embedded(index, asked, embedded, options, media_root=embedder.media_root, null=null)


def run_embedded(
    index: Index,
    asked: Sequence[Query],
    embedded: Sequence[EmbeddedQuery],
    options: SearchOptions,
    *,
    media_root: MediaRoot,
    null: NullDistribution,
) -> Iterator[SearchResult]:
    """Find moments for each of many queries whose vectors are known; other arguments are those of `run_searches`."""
    if not asked:
        return
    is_offline = offline_files(media_root)
    wanted = options.top * OVERFETCH
    found = index.search(np.stack([one.vector for one in embedded]), k=wanted, where=options.where)
    for query, point, hits in zip(asked, embedded, found, strict=True):
        began = time.perf_counter()
        candidates = merge(hits, top=options.top, per_file=options.per_file)
        if len(candidates) < options.top and len(hits) == wanted:
            candidates = _candidates(index, point.vector, options, None, 2 * OVERFETCH)
        yield _result(index, query, point, candidates, options, null=null, is_offline=is_offline, began=began)


def _result(
    index: Index,
    query: Query,
    embedded: EmbeddedQuery,
    found: Sequence[Candidate],
    options: SearchOptions,
    *,
    null: NullDistribution,
    is_offline: Callable[[str], bool],
    began: float,
) -> SearchResult:
    """The moments with their refined times and confidences."""
    refine(found, embedded.vector, index.windows, background=null.background(embedded.vector))
    moments = join_words(
        index,
        query,
        embedded,
        _calibrated(index, found, embedded, null),
        options,
        null=null,
    )
    moments = [
        moment
        for moment in moments
        if moment.confidence is None or moment.confidence >= options.min_confidence
    ]
    hits = with_captions(ranked(moments), index)
    hits = [replace(hit, offline=True) if is_offline(hit.path) else hit for hit in hits]
    elapsed = (time.perf_counter() - began) * 1000
    warnings = (*embedded.partial, *embedded.knowledge.warnings)
    return SearchResult(str(query), index.manifest.model, elapsed, hits, warnings)


def _candidates(
    index: Index, vector: np.ndarray, options: SearchOptions, rerank: Rerank | None, overfetch: int
) -> list[Candidate]:
    wanted = options.top * overfetch
    while True:
        hits = index.search(vector[None], k=wanted, where=options.where)[0]
        ordered = hits if rerank is None else rerank(vector, hits)
        found = merge(ordered, top=options.top, per_file=options.per_file)
        if len(found) >= options.top or len(hits) < wanted:
            return found
        wanted *= 2


def _calibrated(
    index: Index, found: Sequence[Candidate], query: EmbeddedQuery, null: NullDistribution
) -> list[Moment]:
    clips = index.embeddings([candidate.best.clip_id for candidate in found])
    sure = confidences(null, query, clips) if found else []
    return [
        candidate.moment(rank, value)
        for rank, (candidate, value) in enumerate(zip(found, sure, strict=True), start=1)
    ]


def _lines(hit: Moment) -> tuple[str, ...]:
    return (f"score {hit.score:.3f}", *hit.quotes, *(("offline",) if hit.offline else ()))
