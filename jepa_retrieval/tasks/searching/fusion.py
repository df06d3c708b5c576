"""What is seen, said and written as one list of moments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from jepa_retrieval.errors import UsageError
from jepa_retrieval.tasks.searching.calibration import confidences
from jepa_retrieval.tasks.searching.meaning import find_by_meaning
from jepa_retrieval.tasks.searching.moments import Moment
from jepa_retrieval.tasks.searching.options import SearchOptions
from jepa_retrieval.tasks.searching.query import Query
from jepa_retrieval.tasks.searching.spoken import find_spoken
from jepa_retrieval.tasks.searching.words import Wanted, WordsFound, straight_quotes
from jepa_retrieval.tasks.searching.written import find_written

if TYPE_CHECKING:
    from indexes import Index
    from indexes.records import ClipHit
    from jepa_retrieval.tasks.searching.calibration import NullDistribution
    from jepa_retrieval.tasks.searching.embed_query import EmbeddedQuery

# Clips that are fetched for every moment asked for: many hold the same line, or only some of the words.
CLIPS_PER_MOMENT = 4
MIN_CLIPS = 40

QUOTED = 'what is in "double quotes" has to be said or written'
NO_WORDS = f"{QUOTED}, and no words are known: add them with `jepa index --speech` or `jepa index --writing`"
"""A warning about an index; of several it holds only if it does for all."""

_FINDERS = {"said": find_spoken, "written": find_written}


def wanted_words(query: Query, within: Sequence[str] | None) -> Wanted | None:
    """The words that a query asks for; None if it is no text: then only pictures are searched.

    Raises:
        UsageError: words cannot be looked for where the query or `within` asks for them, or there is something in
            quotes that has no words.
    """
    texts = [term.source for term in query.terms if isinstance(term.source, str)]
    is_text = len(texts) == len(query.terms) and all(term.weight > 0 for term in query.terms)
    for sense in _FINDERS:
        if within is not None and sense in within and not is_text:
            raise UsageError(f"only texts can be looked for in what was {sense}, without subtracting any")
    wanted = Wanted.of(*texts)
    if wanted.phrases and within is not None and set(within) == {"seen"}:
        raise UsageError(f"{QUOTED}: it cannot be looked for in what was seen")
    if wanted.phrases and not is_text:
        raise UsageError(f"{QUOTED}: it can be looked for only with other texts, without subtracting any")
    return wanted if is_text else None


def senses_of(index: Index, wanted: Wanted | None, within: Sequence[str] | None) -> tuple[str, ...]:
    """What a query is looked for in: what was seen and, for texts, what the index has of words said and written.

    Raises:
        UsageError: something was asked for that the index does not have.
    """
    kept = {"said": index.keeps_speech, "written": index.keeps_writing}
    if within is None:
        return ("seen", *(sense for sense in _FINDERS if wanted is not None and kept[sense]))
    for sense, name in (("said", "speech"), ("written", "writing")):
        if sense in within and not kept[sense]:
            raise UsageError(f"the index {index.folder} has no {name}: add it with `jepa index --{name}`")
    return tuple(within)


def join_words(
    index: Index,
    wanted: Wanted | None,
    senses: Sequence[str],
    embedded: EmbeddedQuery,
    seen: Sequence[Moment],
    options: SearchOptions,
    *,
    null: NullDistribution,
    seen_elsewhere: float = 0.0,
) -> list[Moment]:
    """At most `top` moments by what is seen, said and written in them, the likeliest first.

    Those that are only seen keep their order among each other.

    Args:
        wanted: the words that were asked for, of `wanted_words`.
        senses: what they are looked for in, of `senses_of`.
        embedded: the query as a vector.
        seen: moments by what is seen, best first.
        options: of the search.
        null: how neutral texts score on the index. With it a clip that is not among the moments of `seen` has the
            same confidence as if more of them had been asked for.
        seen_elsewhere: confidence of the best moment by what is seen in other indexes that are searched as one with
            this one, 0 to 1.
    """
    of_words = [sense for sense in _FINDERS if sense in senses]
    if wanted is None or not of_words:
        return [] if wanted is not None and wanted.phrases else list(seen)
    moments = [] if "seen" not in senses or wanted.phrases else list(seen)
    sure = max(best_confidence(moments), seen_elsewhere) if "seen" in senses else None
    words = _find_words(index, wanted, embedded, of_words, options, null, sure)
    # A second stage may have ordered them otherwise than by confidence.
    by_sight = [moment.confidence or 0.0 for moment in moments]
    order = dict(zip(map(id, moments), np.minimum.accumulate(by_sight).tolist(), strict=True))
    clips = index.embeddings([found.clip.clip_id for found in words])
    cosines = (clips @ embedded.vector).tolist()
    sights = confidences(null, embedded, clips) if moments and words else [None] * len(words)
    for found, cosine, sight in zip(words, cosines, sights, strict=True):
        number = next((n for n, moment in enumerate(moments) if _overlap(moment, found)), None)
        moment = _unseen(found.clip, cosine, sight) if number is None else moments.pop(number)
        joined = _with_words(moment, found)
        order[id(joined)] = joined.confidence or 0.0
        moments.append(joined)
    moments.sort(key=lambda moment: -order[id(moment)])
    if options.per_file:
        best: dict[str, Moment] = {}
        for moment in moments:
            best.setdefault(moment.path, moment)
        moments = list(best.values())
    return moments[: options.top]


def warnings_of_quotes(query: Query, wanted: Wanted | None, senses: Sequence[str]) -> list[str]:
    """Why quotes in a query do not do what they seem to: a sentence each.

    That the last one of a text is not closed is one only where words are looked for at all.

    Args:
        query: what was asked for.
        wanted: its words, of `wanted_words`.
        senses: what they are looked for in, of `senses_of`.
    """
    if not any(sense in _FINDERS for sense in senses):
        return [NO_WORDS] if wanted is not None and wanted.phrases else []
    return [
        f"a quotation mark is not closed in {term.source!r}: the words after it are not looked for word for word"
        for term in query.terms
        if isinstance(term.source, str) and straight_quotes(term.source).count('"') % 2
    ]


def best_confidence(moments: Sequence[Moment]) -> float:
    """The highest of those that are known; 0 if none is."""
    return max((moment.confidence or 0.0 for moment in moments), default=0.0)


def _find_words(
    index: Index,
    wanted: Wanted,
    embedded: EmbeddedQuery,
    senses: Sequence[str],
    options: SearchOptions,
    null: NullDistribution,
    seen: float | None,
) -> list[WordsFound]:
    """Lines with words of the query, and, unless it has quotes, lines with its meaning; the likeliest first.

    `seen`: confidence of the best moment by pictures; None if pictures are not searched.
    """
    k = max(MIN_CLIPS, CLIPS_PER_MOMENT * options.top)
    words = [found for sense in senses for found in _FINDERS[sense](index, wanted, k=k, where=options.where)]
    if null.passages is not None and not wanted.phrases:
        alike = find_by_meaning(
            index, embedded, null.passages, senses=senses, k=k, where=options.where, seen=seen
        )
        for found in alike:
            same = next((n for n, other in enumerate(words) if _is_same_line(other, found)), None)
            if same is None:
                words.append(found)
            elif found.probability > words[same].probability:
                words[same] = replace(words[same], probability=found.probability)
    return sorted(words, key=lambda found: (-found.probability, -found.clip.score))


def _is_same_line(one: WordsFound, other: WordsFound) -> bool:
    # Not the start: that of a line found by its words is where the first of them is said.
    return (one.sense, one.clip.path, one.end) == (other.sense, other.clip.path, other.end)


def _unseen(clip: ClipHit, cosine: float, confidence: float | None) -> Moment:
    if clip.kind == "audio":
        confidence = None  # there is nothing to see
    return Moment(
        0, cosine, confidence, clip.path, clip.kind, clip.start, clip.end, clip.clip_id, found_by=()
    )


def _overlap(moment: Moment, found: WordsFound) -> bool:
    if moment.path != found.clip.path:
        return False
    if moment.start is None or moment.end is None or found.start is None or found.end is None:
        return moment.start == found.start  # an image
    return moment.start < found.end and moment.end > found.start


def _with_words(moment: Moment, found: WordsFound) -> Moment:
    """A moment in which words were found, too; it begins and ends as the likeliest says."""
    if found.sense in moment.found_by:
        return moment  # a likelier line of it is known
    before = moment.confidence or 0.0
    joined = replace(
        moment,
        confidence=1 - (1 - before) * (1 - found.probability),
        said=found.text if found.sense == "said" else moment.said,
        written=found.text if found.sense == "written" else moment.written,
        found_by=(*moment.found_by, found.sense),
        by_meaning=(*moment.by_meaning, found.sense) if found.by_meaning else moment.by_meaning,
    )
    if found.probability > before and found.start is not None and found.end is not None:
        return replace(joined, start=round(found.start, 3), end=round(found.end, 3))
    return joined
