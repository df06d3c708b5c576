"""Codes of languages: three letters, as media files have them (ISO 639-2), to two (ISO 639-1)."""

from __future__ import annotations

import re

# fmt: off
_TWO_LETTERS = {
    "afr": "af", "ara": "ar", "bul": "bg", "cat": "ca", "ces": "cs", "chi": "zh", "cze": "cs", "cym": "cy",
    "dan": "da", "deu": "de", "dut": "nl", "ell": "el", "eng": "en", "est": "et", "eus": "eu", "fas": "fa",
    "fin": "fi", "fra": "fr", "fre": "fr", "ger": "de", "gle": "ga", "glg": "gl", "gre": "el", "heb": "he",
    "hin": "hi", "hrv": "hr", "hun": "hu", "ice": "is", "ind": "id", "isl": "is", "ita": "it", "jpn": "ja",
    "kor": "ko", "lav": "lv", "lit": "lt", "mac": "mk", "may": "ms", "mkd": "mk", "msa": "ms", "nld": "nl",
    "nob": "nb", "nor": "no", "per": "fa", "pol": "pl", "por": "pt", "ron": "ro", "rum": "ro", "rus": "ru",
    "slk": "sk", "slo": "sk", "slv": "sl", "spa": "es", "srp": "sr", "swe": "sv", "tam": "ta", "tha": "th",
    "tur": "tr", "ukr": "uk", "urd": "ur", "vie": "vi", "wel": "cy", "zho": "zh",
}
# fmt: on
_CODE = re.compile(r"([a-z]{2,3})(?:[-_][a-z0-9]{2,8})*", re.IGNORECASE)


def two_letters(code: str) -> str | None:
    """`en` for `eng`, `en` and `en-GB`; other codes of three letters as they are; None for what is no code.

    "und", which files state for "not determined", is None too.
    """
    match = _CODE.fullmatch(code.strip())
    if match is None or match[1].lower() == "und":
        return None
    language = match[1].lower()
    return _TWO_LETTERS.get(language, language)
