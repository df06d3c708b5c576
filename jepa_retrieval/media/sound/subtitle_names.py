"""Which files beside a video or an audio file are its subtitles, by their names: `film.srt`, `film.de.srt`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Set as AbstractSet
from pathlib import Path

from jepa_retrieval.media.kinds import is_media_file
from jepa_retrieval.media.sound.languages import two_letters
from jepa_retrieval.media.suffixes import IMAGE_SUFFIXES

SIDECAR_SUFFIXES = (".srt", ".vtt")


def language_in_name(subtitles: str, stem: str) -> tuple[bool, str | None]:
    """Whether a file name is that of subtitles for the file with this stem, and the language that it states."""
    name = Path(subtitles)
    if name.suffix.lower() not in SIDECAR_SUFFIXES or not name.stem.startswith(stem):
        return False, None
    rest = name.stem[len(stem) :]
    if not rest:
        return True, None
    language = two_letters(rest[1:]) if rest.startswith(".") else None
    return language is not None, language


def belongs_to_any(subtitles: Path, stems: AbstractSet[str]) -> bool:
    """Whether a file holds the subtitles of one of the files in its folder that have these stems."""
    beginnings = (subtitles.stem[:length] for length in range(1, len(subtitles.stem) + 1))
    return any(stem in stems and language_in_name(subtitles.name, stem)[0] for stem in beginnings)


def media_with_subtitles(subtitles: Path) -> Path | None:
    """The video or audio file beside which a file of this name is taken for what is said in it; None for no such."""
    if subtitles.suffix.lower() not in SIDECAR_SUFFIXES:
        return None
    with contextlib.suppress(OSError), os.scandir(subtitles.parent) as entries:
        for name in sorted(entry.name for entry in entries if entry.name != subtitles.name):
            path = subtitles.parent / name
            if language_in_name(subtitles.name, path.stem)[0] and _has_time(path):
                return path
    return None


def _has_time(path: Path) -> bool:
    """Whether it is a video or an audio file."""
    with contextlib.suppress(OSError):
        return path.is_file() and path.suffix.lower() not in IMAGE_SUFFIXES and is_media_file(path)
    return False
