"""A query to one vector in the space that the clips lie in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from indexes import Index, MediaRecord
from jepa_retrieval.errors import UsageError
from jepa_retrieval.media import FoundFile
from jepa_retrieval.media.types import ReadReport
from jepa_retrieval.models.parts import Model
from jepa_retrieval.source_paths import url_of
from jepa_retrieval.tasks.encoding.files import encode_interval
from jepa_retrieval.tasks.encoding.known_words import Knowledge, check_words
from jepa_retrieval.tasks.encoding.media_root import MediaRoot, stored_spelling
from jepa_retrieval.tasks.indexing.plan import is_unchanged
from jepa_retrieval.tasks.searching.query import (
    ImageQuery,
    MomentQuery,
    Query,
    Source,
    Term,
    VideoQuery,
    compose,
)
from jepa_retrieval.user_paths import exists

# A subtracted text counts this share of its weight. Chosen on Flickr8k's dev split, as
# `python -m benchmarks.studies.composed_queries --split dev` measures it.
NEGATIVE_WEIGHT = 0.4


class EmbeddedQuery(NamedTuple):
    """A query as a point on the sphere, and the terms that it was made of."""

    vector: np.ndarray  # float32 [E], unit length
    length: float  # of the terms' weighted sum before it was scaled to unit length
    terms: list[Term]  # positive texts joined, negative texts softened
    knowledge: Knowledge = Knowledge()  # how much of the texts the model knows
    partial: tuple[str, ...] = ()  # what of its files could not be read, a sentence each


class QueryEmbedder:
    """Turns queries into vectors: with the model, or from what the index has stored already."""

    def __init__(
        self,
        index: Index,
        model: Model,
        media_root: MediaRoot,
        *,
        known: Mapping[Source, np.ndarray] | None = None,
    ) -> None:
        """Embed queries for an index.

        Args:
            index: its stored vectors serve for what it holds.
            model: the one that the index was made with.
            media_root: what stored paths are relative to.
            known: sources that are embedded already, float32 [E] each, unit length.
        """
        self._index = index
        self._model = model
        self.media_root = media_root
        self._known: dict[Source, np.ndarray] = dict(known or {})
        self._partial: dict[Source, str] = {}

    def embed_all(self, queries: Sequence[Query]) -> list[EmbeddedQuery]:
        """The same for many queries, their texts encoded together."""
        texts = [text for text in texts_of(queries) if text not in self._known]
        self._known |= zip(texts, self._model.y_encoder.encode(texts), strict=True) if texts else {}
        return [self.embed(query) for query in queries]

    def embed(self, query: Query) -> EmbeddedQuery:
        """The query's place in the shared space.

        Raises:
            UsageError: a stored moment is not in the index or of a file with sound only, or the terms cancel each
                other.
            UnreadableMediaError: a file cannot be decoded.
        """
        terms = join_texts(query.terms)
        vectors = np.stack([self._vector(term.source) for term in terms])
        compose(vectors, [term.weight for term in terms])  # nothing may be left: "dog" less "dog"
        terms = soften(terms)
        vector, length = compose(vectors, [term.weight for term in terms])
        texts = [term.source for term in query.terms if isinstance(term.source, str)]
        partial = (self._partial[term.source] for term in query.terms if term.source in self._partial)
        return EmbeddedQuery(vector, length, terms, check_words(texts, self._model), tuple(partial))

    def _vector(self, source: Source) -> np.ndarray:
        known = self._known.get(source)
        if known is not None:
            return known
        if isinstance(source, MomentQuery):
            vector = self._stored(source)
            if vector is None:
                raise UsageError(f"{source.path}: not in the index {self._index.place}")
            return vector
        stored = None if isinstance(source, str) else self.as_indexed(source)
        if stored is not None:
            return stored
        report = ReadReport()
        vector = embed_source(source, self._model, prompt=self._index.manifest.prompt, report=report)
        if report.partial and not isinstance(source, str):
            self._partial[source] = f"{url_of(source.path)}: {'; '.join(report.partial)}"
        return vector

    def as_indexed(self, source: ImageQuery | VideoQuery) -> np.ndarray | None:
        """The stored vector of a file that is indexed and unchanged, or offline; None for any other."""
        text = self.media_root.to_text(source.path)
        if not self._index.clips_of(text):
            text = self._spelling(text)
        if not self._index.clips_of(text):
            return None
        (known,) = self._index.media(paths=[text], columns=["size", "mtime_ns"]).to_pylist()
        path = self.media_root.to_path(text)
        if exists(path):
            try:
                now = path.stat()
            except OSError:
                return None
            if not is_unchanged(FoundFile(path, now.st_size, now.st_mtime_ns), MediaRecord(text, **known)):
                return None
        start, end = (source.start, source.end) if isinstance(source, VideoQuery) else (None, None)
        return self._stored(MomentQuery(text, start, end))

    def _spelling(self, text: str) -> str:
        """The stored spelling of a path that the index does not have as it is written; see `stored_spelling`."""
        return text if text.isascii() else stored_spelling(text, self._index.known_files())

    def _stored(self, source: MomentQuery) -> np.ndarray | None:
        """The mean of the stored windows in an interval of a file, weighted by their overlap with it."""
        low, high = source.start or 0.0, float("inf") if source.end is None else source.end
        clips = self._index.clips_of(source.path) or self._index.clips_of(self._spelling(source.path))
        if clips and clips[0].kind == "audio":
            raise UsageError(f"{source.path}: has only sound, and nothing to see that could be looked for")
        if clips and clips[0].start is None:  # an image
            return self._index.embeddings([clips[0].clip_id])[0]
        clips = [
            c for c in clips if c.start is not None and c.end is not None and c.end > low and c.start < high
        ]
        if not clips:
            return None
        streams = self._index.windows([clip.clip_id for clip in clips])
        total = np.zeros(self._index.manifest.embedding_size, np.float64)
        for clip, whole in zip(clips, self._index.embeddings([c.clip_id for c in clips]), strict=True):
            stream = streams.get(clip.clip_id)
            times = np.array([[clip.start, clip.end]]) if stream is None else stream.times
            values = whole[None] if stream is None else stream.embeddings
            overlap = np.minimum(times[:, 1], high) - np.maximum(times[:, 0], low)
            total += overlap.clip(min=0) @ values.astype(np.float64)
        return compose(total[None], [1.0])[0]


def texts_of(queries: Sequence[Query]) -> list[str]:
    """The texts that embedding these queries needs, each once."""
    terms = [term for query in queries for term in join_texts(query.terms)]
    return list(dict.fromkeys(term.source for term in terms if isinstance(term.source, str)))


def join_texts(terms: Sequence[Term]) -> list[Term]:
    """Positive texts as one sentence, "a and b": the Y-Encoder knows better than a sum what both together look like.

    The sentence takes the weight that all texts have in common, from each of them; what a text weighs beyond that
    stays a term of its own. So texts of equal weight become the sentence alone.
    """
    texts = [term for term in terms if isinstance(term.source, str) and term.weight > 0]
    if len(texts) < 2:
        return list(terms)
    common = min(term.weight for term in texts)
    words = [str(term.source).strip() for term in texts]
    joined = Term(f"{', '.join(words[:-1])} and {words[-1]}", common * len(texts))
    beyond = [Term(term.source, term.weight - common) for term in texts if term.weight > common]
    return [joined, *beyond, *(term for term in terms if term not in texts)]


def soften(terms: Sequence[Term]) -> list[Term]:
    """Texts that are subtracted count less: a whole one leads away from what is wanted, too."""
    return [
        Term(term.source, NEGATIVE_WEIGHT * term.weight)
        if isinstance(term.source, str) and term.weight < 0
        else term
        for term in terms
    ]


def embed_source(
    source: str | ImageQuery | VideoQuery,
    model: Model,
    *,
    prompt: str | None = None,
    report: ReadReport | None = None,
) -> np.ndarray:
    """A text, image or clip in the shared space: float32 [E], unit length; `report` as in `encode_interval`."""
    if isinstance(source, str):
        return model.y_encoder.encode([source])[0]
    start, end = (source.start, source.end) if isinstance(source, VideoQuery) else (None, None)
    path = Path(source.path)
    return encode_interval(path, model, prompt=prompt, start=start, end=end, report=report)[0]
