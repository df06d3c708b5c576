"""Whether a model knows the words of a text: if not, its embedding says little, and scores mean nothing.

Two things are checked. A tokenizer replaces what it has no token for by an unknown mark. And a model is taught
certain languages: letters of other scripts, and the function words of other languages, are not of these. That is
coarse, and errs on the side of silence: a rare word of the right language counts as known.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from jepa_retrieval.models.parts import Model

# A text is said to be unknown when this share of its words is, or more.
MIN_UNKNOWN = 0.5
# Confidence is multiplied by this where the words are of another language in a script that the model reads: names and
# words that both languages have still mean something.
OTHER_LANGUAGE_FACTOR = 0.5
_MAX_SHOWN = 60  # characters of a text in a warning

_WORD = re.compile(r"\w+|[^\w\s]")
# The scripts that languages are written in, as Unicode's names of letters begin.
_SCRIPTS = {
    "ar": ("ARABIC",), "de": ("LATIN",), "el": ("GREEK",), "en": ("LATIN",), "es": ("LATIN",), "fr": ("LATIN",),
    "he": ("HEBREW",), "hi": ("DEVANAGARI",), "it": ("LATIN",), "ja": ("HIRAGANA", "KATAKANA", "CJK"),
    "ko": ("HANGUL",), "nl": ("LATIN",), "pl": ("LATIN",), "pt": ("LATIN",), "ru": ("CYRILLIC",),
    "th": ("THAI",), "tr": ("LATIN",), "uk": ("CYRILLIC",), "zh": ("CJK",),
}  # fmt: skip
_NAMES = {
    "ar": "Arabic", "de": "German", "el": "Greek", "en": "English", "es": "Spanish", "fr": "French", "he": "Hebrew",
    "hi": "Hindi", "it": "Italian", "ja": "Japanese", "ko": "Korean", "nl": "Dutch", "pl": "Polish",
    "pt": "Portuguese", "ru": "Russian", "th": "Thai", "tr": "Turkish", "uk": "Ukrainian", "zh": "Chinese",
}  # fmt: skip
# Frequent function words; two of one language, and no English one, tell a text.
_FUNCTION_WORDS = {
    "de": "der das dem den des ein eine einen einem einer und ist sind mit auf am im zum zur nicht von vor auch wie",
    "es": "el la los las en de una unos unas del con por para que está y sobre muy hay desde donde",
    "fr": "le la les de en un une des du et est sont dans avec sur qui que aux au sous pour pas où",
    "it": "il la lo gli uno una della dello dei delle con per che è sono sulla sul nella nel di",
    "nl": "het een van en op met voor zijn naar niet aan bij uit der wordt deze",
    "pt": "o os um uma do da dos das com por para que é são na no em e sobre muito",
}
_ENGLISH = frozenset(
    [
        "the",
        "a",
        "an",
        "of",
        "in",
        "on",
        "at",
        "to",
        "and",
        "with",
        "is",
        "are",
        "from",
        "by",
        "for",
        "his",
        "her",
        "their",
        "its",
        "near",
        "under",
        "over",
    ]
)


@dataclass(frozen=True, slots=True)
class Knowledge:
    """How much of some texts a model knows."""

    factor: float = 1.0  # that confidence is multiplied by, 0 to 1
    warnings: tuple[str, ...] = ()  # one sentence each


def check_words(texts: Sequence[str], model: Model) -> Knowledge:
    """Check texts that a model is about to embed; the least known one decides the factor."""
    factor, unknown = 1.0, {}
    for text in texts:
        share = known_share(text, model)
        if not _is_known(share):
            unknown[text] = share
            factor = min(factor, share)
    if not unknown:
        return Knowledge()
    shown = ", ".join(repr(_shortened(text)) for text in list(unknown)[:3])
    more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
    languages = " and ".join(_NAMES.get(language, language) for language in model.languages)
    reads = f": it was trained on {languages}" if languages else ""
    return Knowledge(
        factor,
        (f"the model {model.name} does not know the words of {shown}{more}{reads}; results mean little",),
    )


def knows_words(text: str, model: Model) -> bool:
    """Whether a model knows more than half of a text's words; others resemble each other, whatever they say."""
    return _is_known(known_share(text, model))


def known_share(text: str, model: Model) -> float:
    """The share of a text's words that a model knows, 0 to 1; 1 for a text without words."""
    words = [word for word in _WORD.findall(text) if word[0].isalnum() or _is_symbol(word)]
    if not words:
        return 1.0
    unknown = set(model.unknown_words(text))
    scripts = _scripts_of(tuple(model.languages))
    known = sum(word not in unknown and (scripts is None or _is_written_in(word, scripts)) for word in words)
    share = known / len(words)
    if model.languages and share > OTHER_LANGUAGE_FACTOR and _is_of_another_language(words, model.languages):
        return OTHER_LANGUAGE_FACTOR
    return share


def _is_known(share: float) -> bool:
    return share > 1 - MIN_UNKNOWN


@cache
def _scripts_of(languages: tuple[str, ...]) -> frozenset[str] | None:
    """The scripts of the languages; None if one is not in the table, or none is stated."""
    if not languages or not all(language in _SCRIPTS for language in languages):
        return None
    return frozenset(script for language in languages for script in _SCRIPTS[language])


def _is_written_in(word: str, scripts: frozenset[str]) -> bool:
    letters = [letter for letter in word if letter.isalpha()]
    return all(unicodedata.name(letter, "").startswith(tuple(scripts)) for letter in letters)


def _is_symbol(character: str) -> bool:
    """Whether a character is a picture, such as an emoji, rather than punctuation."""
    return unicodedata.category(character) == "So"


def _is_of_another_language(words: Sequence[str], languages: Sequence[str]) -> bool:
    """Whether function words are of another language, and none is English.

    Two different ones are enough, or one and a word with an accent.
    """
    lowered = {word.lower() for word in words}
    if "en" in languages and lowered & _ENGLISH:
        return False
    accented = {word for word in lowered if word.isalpha() and not word.isascii()}
    found = (
        lowered & set(listed.split())
        for language, listed in _FUNCTION_WORDS.items()
        if language not in languages
    )
    return any(function_words and len(function_words | accented) >= 2 for function_words in found)


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"
