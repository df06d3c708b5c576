"""Texts as SQL literals, and as regular expressions that match them in either Unicode normal form.

The regular expressions are those of Rust's crate `regex`, which the engine uses: linear in time.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$#&~\-]")


def quote_text(text: str) -> str:
    """A text as an SQL literal, in single quotes."""
    return "'" + text.replace("'", "''") + "'"


def has_two_forms(text: str) -> bool:
    """Whether the text differs between the normal forms NFC and NFD."""
    return not text.isascii() and unicodedata.normalize("NFC", text) != unicodedata.normalize("NFD", text)


def equality_regex(text: str) -> str:
    """Matches exactly the text."""
    return rf"(?s)\A{_literal(text)}\z"


def substring_regex(text: str, *, start: bool = False, end: bool = False) -> str:
    """Matches what contains the text, at the start or the end if asked."""
    return "(?s)" + (r"\A" if start else "") + _literal(text) + (r"\z" if end else "")


def like_regex(pattern: str, *, escape: str, ignore_case: bool) -> str:
    """Matches what a pattern of LIKE matches: % is any text, _ one character with its combining marks."""
    parts = []
    for wildcard, text in _split_pattern(pattern, escape):
        parts.append({"%": ".*", "_": r".\p{M}*"}.get(wildcard, "") + _literal(text))
    return rf"(?s{'i' if ignore_case else ''})\A{''.join(parts)}\z"


def _split_pattern(pattern: str, escape: str) -> Iterator[tuple[str, str]]:
    """Pairs of a wildcard ("" for the first) and the literal text after it."""
    wildcard, text = "", ""
    characters = iter(pattern)
    for character in characters:
        if character == escape:
            text += next(characters, escape)
        elif character in "%_":
            yield wildcard, text
            wildcard, text = character, ""
        else:
            text += character
    yield wildcard, text


def _literal(text: str) -> str:
    """Either form of each character: (?:é|é)."""
    composed = unicodedata.normalize("NFC", text)
    return "".join(_either(character) for character in composed)


def _either(character: str) -> str:
    decomposed = unicodedata.normalize("NFD", character)
    return _quote(character) if decomposed == character else f"(?:{_quote(character)}|{_quote(decomposed)})"


def _quote(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", text)
