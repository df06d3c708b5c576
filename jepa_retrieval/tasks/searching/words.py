"""The words of a query, and what of an index they are found in: lines that are said or written."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from jepa_retrieval.errors import UsageError

if TYPE_CHECKING:
    from indexes.records import ClipHit

# How likely lines with a share c of the query's words are what was looked for: MAX * c ** STEEPNESS. One word alone
# is said and written of many things. Compared by `python -m benchmarks.studies.word_fusion`.
MAX_OF_PHRASE = 0.99
MAX_OF_WORDS = 0.95
MAX_OF_ONE_WORD = 0.6
STEEPNESS = 6

MIN_COMMON = 3
"""Characters that inflections of one word have in common at their beginning, at least."""

_PHRASE = re.compile(r'"([^"]*)"')
_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»", '"'))  # as telephones and word processors write them
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
    def of(cls, *texts: str) -> Wanted:
        """Of texts whose exact phrases are in "double quotes"; a phrase ends with its text.

        Raises:
            UsageError: there is something in quotes that has no words.
        """
        straight = [straight_quotes(text) for text in texts]
        quoted = tuple(phrase for text in straight for phrase in _quoted_in(text))
        for phrase in quoted:
            if not folded(phrase):
                raise UsageError(
                    f'there is no word in "{phrase}": what is in quotes is looked for word for word'
                )
        rest = " ".join(_PHRASE.sub(" ", text) for text in straight)
        words = tuple(dict.fromkeys(folded(rest)))
        wanted = tuple(word for word in words if word not in _COMMON) or words
        return cls(rest, quoted, wanted, tuple(map(folded, quoted)))


@dataclass(frozen=True, slots=True)
class WordsFound:
    """Words of a query in a clip."""

    clip: ClipHit
    sense: Literal["said", "written"]
    text: str  # the line that holds them, or lines
    start: float | None  # seconds; None in images
    end: float | None
    probability: float  # that this was looked for
    by_meaning: bool = False  # whether it means what was looked for, in other words


def has_quotes(text: str) -> bool:
    """Whether something in a text is in double quotes."""
    return bool(_quoted_in(straight_quotes(text)))


def _quoted_in(text: str) -> list[str]:
    return [phrase for phrase in _PHRASE.findall(text) if phrase.strip()]


def straight_quotes(text: str) -> str:
    """A text with `"` in the place of every double quotation mark, such as “ and »."""
    return text.translate(_QUOTES)


def folded(text: str) -> tuple[str, ...]:
    """The words of a text in lower case and without accents."""
    return tuple(words_in(plain(text)))


def words_in(text: str) -> list[str]:
    """The words of a text that `plain` returned."""
    return _WORD.findall(text)


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


class Matching(dict[str, frozenset[str]]):
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


def plain(text: str) -> str:
    """A text in lower case and without accents."""
    text = text.casefold()
    if text.isascii():
        return text
    return "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))


def phrases_at(texts: Sequence[str], limit: int, wanted: Wanted) -> list[int] | None:
    """Where each phrase begins, before `limit`; None if one does not occur."""
    found = []
    for phrase in wanted.phrases:
        places = (n for n in range(limit) if tuple(texts[n : n + len(phrase)]) == phrase)
        at = next(places, None)
        if at is None:
            return None
        found.append(at)
    return found


def probability_of(wanted: Wanted, matched: int) -> float:
    """How likely lines with so many of the query's words, and all of its phrases, are what was looked for."""
    if wanted.phrases:
        return MAX_OF_PHRASE
    total = len(wanted.words)
    most = MAX_OF_WORDS if total > 1 else MAX_OF_ONE_WORD
    return most * (matched / total) ** STEEPNESS
