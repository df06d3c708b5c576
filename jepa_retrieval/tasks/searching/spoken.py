"""What was said: the words of a query in the speech of clips, and how that joins with what was seen."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from jepa_retrieval.errors import UsageError
from jepa_retrieval.tasks.encoding.transcript import Line, line_of_speech
from jepa_retrieval.tasks.searching.moments import Moment
from jepa_retrieval.tasks.searching.options import SearchOptions
from jepa_retrieval.tasks.searching.query import Query

if TYPE_CHECKING:
    from indexes import Index
    from indexes.records import ClipHit, ClipSpeech

# Clips that are fetched for every moment asked for: many say the same line, or only some of the words.
CLIPS_PER_MOMENT = 4
MIN_CLIPS = 40

# How likely speech with a share c of the query's words is what was looked for: MAX * c ** STEEPNESS. One word alone
# is said of many things. Chosen with `python -m benchmarks.studies.speech_fusion`.
MAX_OF_PHRASE = 0.99
MAX_OF_WORDS = 0.95
MAX_OF_ONE_WORD = 0.6
STEEPNESS = 6

MIN_COMMON = 3
"""Characters that inflections of one word have in common at their beginning, at least."""

_PHRASE = re.compile(r'"([^"]*)"')
# Chinese and Japanese are written without spaces: each of their characters counts as a word.
_IDEOGRAM = r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"
_WORD = re.compile(rf"{_IDEOGRAM}|(?:(?!{_IDEOGRAM})[^\W_])+(?:['’](?:(?!{_IDEOGRAM})[^\W_])+)*")
# English words that say little about what is looked for.
_COMMON = frozenset(
    _WORD.findall(
        "a about an and are as at be been but by can could did do does for from had has have he her him his how i if "
        "in into is it its me my no not of on one or our she so some than that the their them then there these they "
        "this to up us was we were what when where which who will with would you your"
    )
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a text asks for."""

    text: str  # outside of quotes
    quoted: tuple[str, ...]  # inside of quotes
    words: tuple[str, ...]  # of the text, folded, each once
    phrases: tuple[tuple[str, ...], ...]  # what is quoted: exactly these words, folded

    @property
    def distinct_text(self) -> str:
        """The text with each of its words once, common ones too."""
        return " ".join(dict.fromkeys(self.text.split()))

    @classmethod
    def of(cls, text: str) -> Wanted:
        """Of a text whose exact phrases are in "double quotes"."""
        quoted = tuple(phrase for phrase in _PHRASE.findall(text) if folded(phrase))
        rest = _PHRASE.sub(" ", text)
        words = tuple(dict.fromkeys(folded(rest)))
        wanted = tuple(word for word in words if word not in _COMMON) or words
        return cls(rest, quoted, wanted, tuple(map(folded, quoted)))


@dataclass(frozen=True, slots=True)
class Spoken:
    """Speech that holds words of a query."""

    clip: ClipHit
    line: Line
    start: float  # of the first of the words, seconds
    probability: float  # that this was looked for


def senses_of(index: Index, query: Query, within: Sequence[str] | None) -> tuple[str, ...]:
    """What a query is looked for in: what was seen and, for texts on an index with speech, what was said.

    Raises:
        UsageError: speech was asked for and the index has none, or the query is no text.
    """
    is_text = all(isinstance(term.source, str) and term.weight > 0 for term in query.terms)
    if within is None:
        return ("seen", "said") if is_text and index.keeps_speech else ("seen",)
    if "said" in within and not index.keeps_speech:
        raise UsageError(f"the index {index.folder} has no speech: add it with `jepa index --speech`")
    if "said" in within and not is_text:
        raise UsageError("only texts can be looked for in what was said, without subtracting any")
    return tuple(within)


def join_spoken(
    index: Index, query: Query, vector: np.ndarray, seen: Sequence[Moment], options: SearchOptions
) -> list[Moment]:
    """At most `top` moments by what is seen and said in them, the likeliest first.

    Those that are only seen keep their order among each other.

    Args:
        query: what was asked for.
        vector: its embedding, float32 [E].
        seen: moments by what is seen, best first.
        options: of the search.

    Raises:
        UsageError: as `senses_of`.
    """
    senses = senses_of(index, query, options.within)
    if "said" not in senses:
        return list(seen)
    wanted = Wanted.of(" ".join(str(term.source) for term in query.terms))
    said = find_spoken(index, wanted, k=max(MIN_CLIPS, CLIPS_PER_MOMENT * options.top), where=options.where)
    moments = [] if "seen" not in senses or wanted.phrases else list(seen)
    # A second stage may have ordered them otherwise than by confidence.
    confidences = [moment.confidence or 0.0 for moment in moments]
    order = dict(zip(map(id, moments), np.minimum.accumulate(confidences).tolist(), strict=True))
    clips = index.embeddings([spoken.clip.clip_id for spoken in said])
    for spoken, cosine in zip(said, (clips @ vector).tolist(), strict=True):
        number = next((n for n, moment in enumerate(moments) if _overlap(moment, spoken)), None)
        moment = _unseen(spoken.clip, cosine) if number is None else moments.pop(number)
        found = _with_words(moment, spoken)
        order[id(found)] = found.confidence or 0.0
        moments.append(found)
    moments.sort(key=lambda moment: -order[id(moment)])
    if options.per_file:
        moments = list({moment.path: moment for moment in reversed(moments)}.values())[::-1]
    return moments[: options.top]


def find_spoken(index: Index, wanted: Wanted, *, k: int, where: str | None) -> list[Spoken]:
    """Speech that holds words of a query, the likeliest first; each line once."""
    clips = index.search_speech(wanted.distinct_text, k=k, phrases=wanted.quoted, where=where)
    found: dict[tuple[str, float], Spoken] = {}
    matching = _Matching(wanted.words)
    for clip, speech in zip(clips, index.speech([clip.clip_id for clip in clips]), strict=True):
        best = None if speech is None else _best(clip, speech, wanted, matching)
        if best is not None:
            found.setdefault((clip.path, best.line.start), best)
    return sorted(found.values(), key=lambda spoken: (-spoken.probability, -spoken.clip.score))


def folded(text: str) -> tuple[str, ...]:
    """The words of a text in lower case and without accents."""
    return tuple(_WORD.findall(_plain(text)))


def same_word(one: str, other: str) -> bool:
    """Whether two words may be inflections of one, as the stems of the full-text index are."""
    if one == other:
        return True
    short, long = sorted((one, other), key=len)
    common = next(
        (n for n, pair in enumerate(zip(short, long, strict=False)) if pair[0] != pair[1]), len(short)
    )
    needed = len(short) - 1 if short[-1] in "ye" else len(short)
    return common >= max(MIN_COMMON, needed) and len(long) - common <= 3


class _Matching(dict[str, frozenset[str]]):
    """The wanted words that a said word may be: looked up among those that begin alike, and once."""

    def __init__(self, wanted: Sequence[str]) -> None:
        super().__init__()
        self._alike: dict[str, list[str]] = {}
        for word in wanted:
            self._alike.setdefault(word[:MIN_COMMON], []).append(word)

    def __missing__(self, said: str) -> frozenset[str]:
        alike = self._alike.get(said[:MIN_COMMON], [])
        found = frozenset(word for word in alike if same_word(word, said))
        self[said] = found
        return found


def _best(clip: ClipHit, speech: ClipSpeech, wanted: Wanted, matching: _Matching) -> Spoken | None:
    """The line of a clip from which on most of the words are said, in it or in the next.

    A clip may have hundreds of thousands of lines: each of its words is looked at once.
    """
    texts = [_WORD.findall(line) for line in _plain(speech.text).split("\n")]
    matches = [frozenset().union(*(matching[text] for text in line)) for line in texts]
    best: tuple[float, int] | None = None
    for number, own in enumerate(texts):
        following = texts[number + 1] if number + 1 < len(texts) else []
        at = _phrases_at([*own, *following], len(own), wanted)
        if at is None or not (matches[number] or at):
            continue
        matched = matches[number].union(*matches[number + 1 : number + 2])
        probability = _probability(wanted, len(matched))
        if best is None or probability > best[0]:
            best = (probability, number)
    if best is None:
        return None
    probability, number = best
    line = line_of_speech(speech, number)
    following = texts[number + 1] if number + 1 < len(texts) else []
    at = _phrases_at([*texts[number], *following], len(texts[number]), wanted) or []
    own_words = [(word, text) for word in line.words for text in folded(word.text)]
    starts = [word.start for word, text in own_words if matching[text]]
    starts += [own_words[position][0].start for position in at]
    return Spoken(clip, line, min(starts), probability)


def _plain(text: str) -> str:
    """A text in lower case and without accents."""
    text = text.casefold()
    if text.isascii():
        return text
    return "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))


def _phrases_at(texts: Sequence[str], limit: int, wanted: Wanted) -> list[int] | None:
    """Where each phrase begins, before `limit`; None if one does not occur."""
    found = []
    for phrase in wanted.phrases:
        places = (n for n in range(limit) if tuple(texts[n : n + len(phrase)]) == phrase)
        at = next(places, None)
        if at is None:
            return None
        found.append(at)
    return found


def _probability(wanted: Wanted, matched: int) -> float:
    if wanted.phrases:
        return MAX_OF_PHRASE
    total = len(wanted.words)
    most = MAX_OF_WORDS if total > 1 else MAX_OF_ONE_WORD
    return most * (matched / total) ** STEEPNESS


def _unseen(clip: ClipHit, cosine: float) -> Moment:
    return Moment(0, cosine, None, clip.path, clip.kind, clip.start, clip.end, clip.clip_id, found_by=())


def _overlap(moment: Moment, spoken: Spoken) -> bool:
    if moment.path != spoken.clip.path or moment.start is None or moment.end is None:
        return False
    return moment.start < spoken.line.end and moment.end > spoken.start


def _with_words(moment: Moment, spoken: Spoken) -> Moment:
    """A moment in which words were said, too; it begins and ends as the likelier of the two says."""
    if moment.said is not None:
        return moment  # a likelier line of it is known
    seen = moment.confidence or 0.0
    found = replace(
        moment,
        confidence=1 - (1 - seen) * (1 - spoken.probability),
        said=spoken.line.text,
        found_by=(*moment.found_by, "said"),
    )
    if spoken.probability > seen:
        return replace(found, start=round(spoken.start, 3), end=round(spoken.line.end, 3))
    return found
