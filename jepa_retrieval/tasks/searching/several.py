"""Several indexes searched as one: the query in the space of each, and what all have found in one order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from indexes import Index
from jepa_retrieval.models.parts import Model
from jepa_retrieval.tasks.encoding.files import encode_interval
from jepa_retrieval.tasks.encoding.media_root import MediaRoot
from jepa_retrieval.tasks.searching.embed_query import QueryEmbedder
from jepa_retrieval.tasks.searching.fusion import NO_WORDS
from jepa_retrieval.tasks.searching.moments import Moment
from jepa_retrieval.tasks.searching.query import MomentQuery, Query

Origin = TypeVar("Origin")

MIN_CONFIDENCE_OF_WORDS = 0.5  # of moments with words that come before those whose confidence is unknown


class OneOfSeveral(Protocol):
    """What a search over several indexes needs of each."""

    @property
    def index(self) -> Index:
        """Its vectors and records."""
        ...

    @property
    def model(self) -> Model:
        """The model that it was made with."""
        ...

    @property
    def media_root(self) -> MediaRoot:
        """What its stored paths are relative to."""
        ...


def vector_of_moment(
    moment: MomentQuery, home: OneOfSeveral, target: OneOfSeveral, file: Callable[[], Path]
) -> np.ndarray:
    """An interval of a file of one index in the space of another: float32 [E], unit length.

    Args:
        moment: the interval, with the path as `home` stores it.
        home: the index that has the file.
        target: the index that is searched.
        file: where the file is; asked only if it has to be decoded.

    Raises:
        UsageError: `home` does not have the interval.
        UnreadableMediaError: the file has to be decoded, and cannot be.
    """
    if home.index.manifest.fingerprint == target.index.manifest.fingerprint:
        embedder = QueryEmbedder(home.index, home.model, home.media_root)
        return embedder.embed(Query.moment(moment.path, moment.start, moment.end)).vector
    # Another model has another space: its X-Encoder must see the file.
    prompt = target.index.manifest.prompt
    return encode_interval(file(), target.model, prompt=prompt, start=moment.start, end=moment.end)[0]


def merged(
    found: Sequence[tuple[Origin, Sequence[Moment]]],
    *,
    file_of: Callable[[Origin, Moment], str],
    per_file: bool = False,
) -> list[tuple[Origin, Moment]]:
    """The moments of several indexes, the most likely first; those of one index alone as they are.

    An index that is too small for confidences makes all of them be merged by score, after those whose words make them
    likelier than not. Where two indexes have the same file, only the likelier of two moments that overlap is kept.

    Args:
        found: each index with its moments, best first.
        file_of: names the file of a moment, the same for the same file.
        per_file: keep only the best moment of each file.
    """
    together = [(origin, moment) for origin, moments in found for moment in moments]
    if len(found) < 2:
        return together
    known = all(moment.confidence is not None for _, moment in together)

    def likelihood(moment: Moment) -> float:
        confidence = moment.confidence or 0.0
        return confidence if known or (moment.words and confidence > MIN_CONFIDENCE_OF_WORDS) else 0.0

    together.sort(key=lambda pair: (likelihood(pair[1]), pair[1].score), reverse=True)
    kept: list[tuple[Origin, Moment]] = []
    by_file: dict[str, list[tuple[Origin, Moment]]] = {}
    for origin, moment in together:
        here = by_file.setdefault(file_of(origin, moment), [])
        if any(per_file or (origin is not other and _overlap(moment, shown)) for other, shown in here):
            continue
        here.append((origin, moment))
        kept.append((origin, moment))
    return kept


def joined_warnings(answers: Sequence[Sequence[str]]) -> list[str]:
    """The warnings of indexes that were searched as one, each once; `NO_WORDS` only if none of them has words."""
    known = any(NO_WORDS not in warnings for warnings in answers)
    every = dict.fromkeys(warning for warnings in answers for warning in warnings)
    return [warning for warning in every if warning != NO_WORDS or not known]


def _overlap(one: Moment, other: Moment) -> bool:
    if one.start is None or one.end is None or other.start is None or other.end is None:
        return True  # a photograph
    return one.start < other.end and other.start < one.end
