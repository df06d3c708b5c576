"""Which files beside a video or an audio file are its subtitles, by their names: `film.srt`, `film.de.srt`."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from pathlib import Path

from jepa_retrieval.media.sound.languages import two_letters

SIDECAR_SUFFIXES = (".srt", ".vtt")


def language_in_name(subtitles: str, stem: str) -> tuple[bool, str | None]:
    """Whether a file name is that of subtitles for the file with this stem, and the language that it states."""
    name = Path(subtitles)
    if name.suffix.lower() not in SIDECAR_SUFFIXES or not name.stem.startswith(stem):
        return False, None
    rest = name.stem[len(stem) :]
    language = two_letters(rest.removeprefix("."))
    return not rest or language is not None, language


def belongs_to_any(subtitles: Path, stems: AbstractSet[str]) -> bool:
    """Whether a file holds the subtitles of one of the files in its folder that have these stems."""
    beginnings = (subtitles.stem[:length] for length in range(1, len(subtitles.stem) + 1))
    return any(stem in stems and language_in_name(subtitles.name, stem)[0] for stem in beginnings)
