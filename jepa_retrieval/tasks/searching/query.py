"""What to look for: texts, images, clips and stored moments, added and subtracted with weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np

from jepa_retrieval.arguments import as_text
from jepa_retrieval.errors import UsageError
from jepa_retrieval.source_paths import url_of
from jepa_retrieval.tasks.searching.words import straight_quotes
from jepa_retrieval.times import check_interval
from jepa_retrieval.user_paths import user_path

# A composed vector shorter than this share of the sum of its terms' weights is noise: the terms cancel each other.
MIN_RELATIVE_LENGTH = 1e-3


class ImageQuery(NamedTuple):
    """Search with a photograph."""

    path: str | Path


class VideoQuery(NamedTuple):
    """Search with a video or an interval of it; times in seconds."""

    path: str | Path
    start: float | None = None
    end: float | None = None


class MomentQuery(NamedTuple):
    """Search with an interval of an indexed file, as it was indexed: nothing is decoded. Times in seconds."""

    path: str  # as the index stores it
    start: float | None = None
    end: float | None = None


Source = str | ImageQuery | VideoQuery | MomentQuery
QueryLike: TypeAlias = "Query | str | ImageQuery | VideoQuery | MomentQuery"


class Interval(Protocol):
    """What `Query.moment` takes: a search's hit, or anything else with these fields."""

    @property
    def path(self) -> str: ...  # noqa: D102

    @property
    def start(self) -> float | None: ...  # noqa: D102

    @property
    def end(self) -> float | None: ...  # noqa: D102


class Term(NamedTuple):
    """One source and its weight; a negative weight leads away from it."""

    source: Source
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Query:
    """A sum of weighted terms: `Query.text("dog") + Query.image("beach.jpg") - 0.5 * Query.text("people")`.

    A term's vector is the embedding of its source, of unit length. The query's vector is the sum of weight times
    vector over all terms, scaled to unit length: a point on the sphere between the terms, away from negative ones.
    Positive texts are encoded together, as one sentence; a text that is subtracted counts less
    (`jepa_retrieval.tasks.searching.embed_query`).
    """

    terms: tuple[Term, ...]

    @classmethod
    def text(cls, text: str) -> Query:
        """What a sentence says.

        Raises:
            UsageError: it is empty, or nothing but quotation marks.
        """
        straight = straight_quotes(as_text("the search text", text))
        if not straight.replace('"', " ").strip():
            raise UsageError(
                "there is nothing between the quotes" if '"' in straight else "the search text is empty"
            )
        return cls((Term(text),))

    @classmethod
    def image(cls, path: Path | str) -> Query:
        """What a photograph shows."""
        return cls((Term(ImageQuery(user_path(path))),))

    @classmethod
    def clip(cls, path: Path | str, start: float | None = None, end: float | None = None) -> Query:
        """What a video file shows from `start` to `end` (seconds; None: its own ends). It is decoded for that."""
        check_interval(path, start, end)
        return cls((Term(VideoQuery(user_path(path), start, end)),))

    @classmethod
    def moment(cls, moment: Interval | str, start: float | None = None, end: float | None = None) -> Query:
        """More like a hit of an earlier search, or like an interval of an indexed file; nothing is decoded.

        Args:
            moment: a hit, or a path as the index stores it.
            start: with a path, the beginning of the interval in seconds; None for the file's own.
            end: with a path, the end of the interval in seconds; None for the file's own.
        """
        if not isinstance(moment, str):
            return cls.moment(moment.path, moment.start, moment.end)
        check_interval(moment, start, end)
        return cls((Term(MomentQuery(moment, start, end)),))

    @classmethod
    def of(cls, value: QueryLike) -> Query:
        """Any of the things that a search takes as a `Query`.

        Raises:
            UsageError: none of these; an empty text or path, or times that are no interval.
        """
        if isinstance(value, Query):
            return value
        if isinstance(value, str):
            return cls.text(value)
        if isinstance(value, ImageQuery):
            return cls.image(value.path)
        if isinstance(value, VideoQuery):
            return cls.clip(*value)
        if isinstance(value, MomentQuery):
            return cls.moment(*value)
        raise UsageError(
            "a query must be a text, a Query, an ImageQuery, a VideoQuery or a MomentQuery, "
            f"not {value!r:.60} ({type(value).__name__})"
        )

    def __add__(self, other: QueryLike) -> Query:
        """Both."""
        return Query(self.terms + Query.of(other).terms)

    def __radd__(self, other: QueryLike) -> Query:
        return Query.of(other) + self

    def __sub__(self, other: QueryLike) -> Query:
        """This, and not the other."""
        return self + -Query.of(other)

    def __rsub__(self, other: QueryLike) -> Query:
        return Query.of(other) - self

    def __neg__(self) -> Query:
        return self * -1.0

    def __mul__(self, factor: float) -> Query:
        """The same with all weights times `factor`."""
        try:
            terms = tuple(Term(term.source, term.weight * float(factor)) for term in self.terms)
        except OverflowError:  # a whole number of hundreds of digits
            terms = (Term("", math.inf),)
        if not all(math.isfinite(term.weight) for term in terms):
            raise UsageError("a weight must be a finite number")
        return Query(terms)

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> Query:
        return self * (1.0 / divisor)

    def __str__(self) -> str:
        """The query as a line of text; a single term of weight 1 as it was given."""
        if len(self.terms) == 1 and self.terms[0].weight == 1.0:
            return describe(self.terms[0].source)
        words = [_signed(term) for term in self.terms]
        return " ".join(words).removeprefix("+ ")


def describe(source: Source) -> str:
    """One source as a line of text."""
    if isinstance(source, str):
        return source
    if isinstance(source, ImageQuery) or (source.start is None and source.end is None):
        return url_of(source.path)
    return f"{source.path}@{source.start or 0:g}-{'' if source.end is None else f'{source.end:g}'}"


def compose(vectors: np.ndarray, weights: Sequence[float]) -> tuple[np.ndarray, float]:
    """Weighted sum of vectors, scaled to unit length.

    Args:
        vectors: float [terms, E].
        weights: one per term.

    Returns:
        float32 [E], unit length, and the length of the sum.

    Raises:
        UsageError: the terms cancel each other.
    """
    total = np.asarray(weights, np.float64) @ vectors.astype(np.float64)
    length = float(np.linalg.norm(total))
    if length <= MIN_RELATIVE_LENGTH * np.abs(weights).sum():
        raise UsageError("the terms of the query cancel each other out")
    return (total / length).astype(np.float32), length


def _signed(term: Term) -> str:
    size = abs(term.weight)
    source = describe(term.source)
    return f"{'-' if term.weight < 0 else '+'} {source if size == 1.0 else f'{size:g}:{source}'}"
