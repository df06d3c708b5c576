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
from jepa_retrieval.tasks.searching.fusion import (
    best_confidence,
    join_words,
    senses_of,
    wanted_words,
    warnings_of_quotes,
)
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
from jepa_retrieval.tasks.searching.verdict import Verdict, verdict_of
from jepa_retrieval.tasks.searching.words import Wanted

__all__ = [
    "ImageQuery",
    "ManyOptions",
    "Moment",
    "MomentQuery",
    "Query",
    "Rerank",
    "SearchOptions",
    "SearchResult",
    "SeenMoments",
    "VideoQuery",
    "describe",
    "find_seen",
    "run_embedded",
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

    @property
    def verdict(self) -> Verdict:
        """What the hits are worth: whether what was looked for is probably not there."""
        return verdict_of([hit.confidence for hit in self.hits])

    def tiles(self) -> list[Tile]:
        """As a notebook shows it."""
        return [Tile(hit.path, hit.start, hit.end, hit.clip_id, _lines(hit)) for hit in self.hits]

    def notes(self) -> list[str]:
        """What the hits are worth, where it has to be said."""
        return [note for note in (self.verdict.doubt, self.verdict.rest) if note is not None]


@dataclass(frozen=True, slots=True, eq=False)
class SeenMoments:
    """What a query finds in pictures: half of a search; `result` adds what is said and written."""

    index: Index
    query: Query
    wanted: Wanted | None  # the words that it asks for; None if it is no text
    embedded: EmbeddedQuery
    moments: list[Moment]  # best first
    options: SearchOptions
    null: NullDistribution
    is_offline: Callable[[str], bool]
    began: float  # of `time.perf_counter()`

    @property
    def confidence(self) -> float:
        """That of the best moment; 0 if pictures are not searched, or are too few to tell."""
        within = self.options.within
        return best_confidence(self.moments) if within is None or "seen" in within else 0.0

    def result(self, *, seen_elsewhere: float = 0.0) -> SearchResult:
        """The moments by what is seen, said and written.

        Args:
            seen_elsewhere: the highest `confidence` in other indexes that are searched as one with this one.

        Raises:
            UsageError: the index does not have what `within` names.
        """
        senses = senses_of(self.index, self.wanted, self.options.within)
        moments = join_words(
            self.index,
            self.wanted,
            senses,
            self.embedded,
            self.moments,
            self.options,
            null=self.null,
            seen_elsewhere=seen_elsewhere,
        )
        least = self.options.min_confidence
        moments = [moment for moment in moments if moment.confidence is None or moment.confidence >= least]
        hits = with_captions(ranked(moments), self.index)
        hits = [replace(hit, offline=True) if self.is_offline(hit.path) else hit for hit in hits]
        elapsed = (time.perf_counter() - self.began) * 1000
        quotes = warnings_of_quotes(self.query, self.wanted, senses)
        warnings = (*self.embedded.partial, *self.embedded.knowledge.warnings, *quotes)
        return SearchResult(str(self.query), self.index.manifest.model, elapsed, hits, warnings)


def find_seen(
    index: Index,
    query: QueryLike,
    options: SearchOptions,
    *,
    embedder: QueryEmbedder,
    null: NullDistribution,
    rerank: Rerank | None = None,
    overfetch: int = OVERFETCH,
    began: float | None = None,
) -> SeenMoments:
    """The half of a search that looks at pictures; see `Library.search`.

    Args:
        embedder: turns the query into a vector.
        null: how neutral queries score on this index.
        rerank: a second stage that gives the fetched clips new scores.
        overfetch: clips fetched at first per requested moment.
        began: `time.perf_counter()` when the search began; None for now.

    Raises:
        UsageError: as `wanted_words`.
    """
    began = time.perf_counter() if began is None else began
    query = Query.of(query)
    embedded = embedder.embed(query)
    found = _candidates(index, embedded.vector, options, rerank, overfetch)
    is_offline = offline_files(embedder.media_root)
    return _seen(index, query, embedded, found, options, null=null, is_offline=is_offline, began=began)


def run_searches(
    index: Index,
    queries: Sequence[QueryLike],
    options: SearchOptions,
    *,
    embedder: QueryEmbedder,
    null: NullDistribution,
) -> Iterator[SearchResult]:
    """Find moments for each of many queries; see `Library.search_many`. Arguments are those of `find_seen`."""
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
        seen = _seen(index, query, point, candidates, options, null=null, is_offline=is_offline, began=began)
        yield seen.result()


def _seen(
    index: Index,
    query: Query,
    embedded: EmbeddedQuery,
    found: Sequence[Candidate],
    options: SearchOptions,
    *,
    null: NullDistribution,
    is_offline: Callable[[str], bool],
    began: float,
) -> SeenMoments:
    """The moments with their refined times and confidences; errors as in `wanted_words`."""
    wanted = wanted_words(query, options.within)
    refine(found, embedded.vector, index.windows, background=null.background(embedded.vector))
    moments = _calibrated(index, found, embedded, null)
    return SeenMoments(index, query, wanted, embedded, moments, options, null, is_offline, began)


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
