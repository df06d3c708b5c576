"""A `SearchableIndex`: an index with the model that it was made with, and what searching it takes."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from indexes import Index
from jepa_retrieval.errors import JepaError, UsageError
from jepa_retrieval.models import load_model
from jepa_retrieval.models.parts import Model
from jepa_retrieval.tasks.encoding.media_root import MediaRoot
from jepa_retrieval.tasks.searching.calibration import Calibration, NullDistribution
from jepa_retrieval.tasks.searching.embed_query import QueryEmbedder
from jepa_retrieval.tasks.searching.prompted import PromptRerank, clips_to_fetch
from jepa_retrieval.tasks.searching.query import QueryLike, Source
from jepa_retrieval.tasks.searching.search import (
    OVERFETCH,
    ManyOptions,
    Rerank,
    SearchOptions,
    SearchResult,
    SeenMoments,
    find_seen,
    run_searches,
)

if TYPE_CHECKING:
    import numpy as np

logger = logging.getLogger(__name__)


class SearchableIndex:
    """What `Library` does to find moments."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._calibration = Calibration()

    @property
    def folder(self) -> Path:
        """The index folder."""
        return self._index.folder

    @property
    def place(self) -> str:
        """Where the index is, for people: its folder, or its address."""
        return self._index.place

    @property
    def records(self) -> Index:
        """The index itself: tables, vectors, maintenance."""
        return self._index

    @cached_property
    def media_root(self) -> MediaRoot:
        """The folder that paths in results are relative to."""
        stated = self._index.manifest.media_root
        return MediaRoot(Path(stated) if stated else self.folder.parent)

    @property
    def media_folders(self) -> list[Path]:
        """The folders that paths in results are relative to: one, as of `Libraries` one for each."""
        return [self.media_root.folder]

    @property
    def places(self) -> list[str]:
        """Where the indexes are, for people: one, as of `Libraries` one for each."""
        return [self.place]

    @property
    def is_empty(self) -> bool:
        """Whether there are no clips."""
        return self._index.count_clips() == 0

    def has_file(self, path: str) -> bool:
        """Whether the index has clips of this stored path."""
        return bool(self._index.clips_of(path))

    @cached_property
    def model(self) -> Model:
        """The model that the index was made with. Raises FingerprintMismatchError if it is not the same any more."""
        manifest = self._index.manifest
        model = load_model(manifest.model)
        self._index.require_fingerprint(model.fingerprint(manifest.prompt), model=model.name)
        return model

    @property
    def null(self) -> NullDistribution:
        """How texts that mean nothing in particular score on this index; measured where it is not stored."""
        return self._calibration.null(self._index, self._encode_texts)

    def resolve(self, path: str) -> Path:
        """Where the file of a stored path lies on disk."""
        return self.media_root.to_path(path)

    def search(
        self,
        query: QueryLike,
        *,
        prompt: str | None = None,
        rerank: Rerank | None = None,
        known: Mapping[Source, np.ndarray] | None = None,
        **options: Unpack[ManyOptions],
    ) -> SearchResult:
        """Find the moments nearest in meaning to a text, an image, an interval of a video, or a sum of such.

        There are also `top`, at most so many moments; `where`, an SQL condition over the clips' columns, such as
        "duration > 60"; `per_file`, only the best moment of each file; `min_confidence`, from 0 to 1, below which
        hits are left out; `within`, some of "seen", "said" and "written" (None: all that the index has, if the query
        is a text). What is in "double quotes" has to be said or written word for word.

        Args:
            query: a text or a `Query`, such as `Query.text("dog") + Query.image("beach.jpg") - Query.text("people")`.
            prompt: look again at what was found, with this query X_Q, such as "What is the person doing?"; see
                `jepa_retrieval.tasks.searching.prompted`.
            rerank: another second stage that gives the clips that were found new scores; excludes `prompt`.
            known: vectors of sources of the query that are embedded already, float32 [E] each, unit length.

        Raises:
            UsageError: an argument is out of range, the query names a moment that is not in the index, or a prompt or
                a sense is given where the model or the index takes none.
            FilterError: `where` is not valid.
            UnreadableMediaError: the query's file cannot be decoded.
        """
        seen = self.find_seen(query, prompt=prompt, rerank=rerank, known=known, **options)
        return seen.result().with_thumbnails(self)

    def find_seen(
        self,
        query: QueryLike,
        *,
        prompt: str | None = None,
        rerank: Rerank | None = None,
        known: Mapping[Source, np.ndarray] | None = None,
        **options: Unpack[ManyOptions],
    ) -> SeenMoments:
        """The half of `search` that looks at pictures; its `result` is the other half."""
        began = time.perf_counter()
        chosen = SearchOptions(**options)
        embedder = QueryEmbedder(self._index, self.model, self.media_root, known=known)
        overfetch = OVERFETCH
        if prompt is not None:
            if rerank is not None:
                raise UsageError("prompt and rerank exclude each other")
            rerank = PromptRerank(self._index, self.model, prompt)
            overfetch = -(-clips_to_fetch(chosen.top) // chosen.top)
        return find_seen(
            self._index,
            query,
            chosen,
            embedder=embedder,
            null=self.null,
            rerank=rerank,
            overfetch=overfetch,
            began=began,
        )

    def search_many(
        self, queries: Sequence[QueryLike], **options: Unpack[ManyOptions]
    ) -> Iterator[SearchResult]:
        """As `search`, for many queries together; on a GPU if there is one. `elapsed_ms` omits what they share."""
        embedder = QueryEmbedder(self._index, self.model, self.media_root)
        found = run_searches(
            self._index, queries, SearchOptions(**options), embedder=embedder, null=self.null
        )
        return (result.with_thumbnails(self) for result in found)

    def calibrate(self) -> None:
        """Measure how neutral texts score on this index, and store it: confidences come from that.

        `index`, `remove` and `optimize` do this when it is due; a search without it measures for itself.
        """
        self._calibration.measure(self._index, self._encode_texts)

    def _encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        return self.model.y_encoder.encode(texts)

    def _calibrate_if_possible(self) -> None:
        """Forgetting and tidying need no model, so its lack must not stop them."""
        try:
            self.calibrate()
        except JepaError as error:
            logger.warning("confidence is measured again in every search: %s", error)

    def thumbnail(self, clip_id: int) -> bytes | None:
        """The JPEG of a clip; None if it has none."""
        value: bytes | None = self._index.clips([clip_id], columns=["thumbnail"])["thumbnail"][0].as_py()
        return value
