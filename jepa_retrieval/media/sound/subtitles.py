"""Subtitles that a video already has: tracks in the file, and .srt and .vtt files beside it.

Called in worker processes, as everything is that libav reads.
"""

from __future__ import annotations

import contextlib
import html
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
from av.stream import Disposition
from av.subtitles.subtitle import AssSubtitle

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.reasons import check_regular_file, library_reason
from jepa_retrieval.media.sound.languages import two_letters
from jepa_retrieval.media.video.video_file import open_container

if TYPE_CHECKING:
    from av.container import InputContainer

SIDECAR_SUFFIXES = (".srt", ".vtt")
_SIDECAR_FORMATS = "srt,webvtt"
_TEXT_CODECS = ("subrip", "ass", "ssa", "mov_text", "webvtt", "text")  # others are pictures
_TAGS = re.compile(r"<[^<>]{0,200}>|\{[^{}]{0,200}\}")
_MAX_BYTES = 64 * 1024 * 1024  # of a file beside the video
# What a cue that states no end lasts, in seconds.
_DEFAULT_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Cue:
    """A text with the time in which it is shown."""

    start: float  # seconds of presentation time
    end: float
    text: str  # one line


@dataclass(frozen=True, slots=True)
class Subtitles:
    """What is said in a file, as somebody wrote it down."""

    source: str  # the name of the file, or "subtitle track N"
    language: str | None  # ISO 639-1 where there is such a code; None if it is not stated
    cues: tuple[Cue, ...]  # in the order of time


def find_subtitles(path: Path, *, on_tick: Callable[[], None]) -> Subtitles | None:
    """The subtitles of a video: of a file beside it, else of its first track of text; None if there are none.

    Raises:
        UnreadableMediaError: a file beside the video cannot be read.
    """
    for sidecar, language in sidecars(path):
        cues = _read_sidecar(sidecar, on_tick)
        if cues:
            return Subtitles(sidecar.name, language, cues)
    with contextlib.suppress(UnreadableMediaError), open_container(path) as container:
        return _read_tracks(container, on_tick)
    return None


def sidecars(path: Path) -> list[tuple[Path, str | None]]:
    """The files beside a video that hold its subtitles, with their languages: film.srt before film.de.srt."""
    found: list[tuple[int, str, str | None]] = []
    with contextlib.suppress(OSError), os.scandir(path.parent) as entries:
        for entry in entries:
            name = Path(entry.name).stem
            suffix = Path(entry.name).suffix.lower()
            if suffix not in SIDECAR_SUFFIXES or not name.startswith(path.stem):
                continue
            rest = name[len(path.stem) :]
            if not rest:
                found.append((0, entry.name, None))
            elif language := two_letters(rest.removeprefix(".")):
                found.append((1, entry.name, language))
    return [(path.parent / name, language) for _, name, language in sorted(found, key=lambda item: item[:2])]


def _read_sidecar(path: Path, on_tick: Callable[[], None]) -> tuple[Cue, ...]:
    size = check_regular_file(path).st_size
    if size > _MAX_BYTES:
        raise UnreadableMediaError(path, f"{path.name} has {size:,} bytes, too many for subtitles")
    try:
        options = {"protocol_whitelist": "file", "format_whitelist": _SIDECAR_FORMATS}
        with av.open(f"file:{os.path.abspath(path)}", metadata_errors="replace", options=options) as file:
            return _cues(file, file.streams.subtitles[0], on_tick)
    except (av.error.FFmpegError, IndexError) as error:
        reason = f"its subtitles in {path.name} cannot be read ({library_reason(error)})"
        raise UnreadableMediaError(path, reason) from error


def _read_tracks(container: InputContainer, on_tick: Callable[[], None]) -> Subtitles | None:
    for number, stream in enumerate(container.streams.subtitles, start=1):
        # Such tracks only translate what is said in another language.
        forced = Disposition.forced in stream.disposition
        context = stream.codec_context
        if forced or context is None or context.codec.canonical_name not in _TEXT_CODECS:
            continue
        container.seek(0)
        if cues := _cues(container, stream, on_tick):
            language = two_letters(str(stream.metadata.get("language", "")))
            return Subtitles(f"subtitle track {number}", language, cues)
    return None


def _cues(container: InputContainer, stream: Any, on_tick: Callable[[], None]) -> tuple[Cue, ...]:
    origin = 0.0 if container.start_time is None else container.start_time / av.time_base
    origin = origin if container.streams.video else 0.0
    cues = []
    for packet in container.demux(stream):
        on_tick()
        if packet.pts is None or not packet.size:
            continue
        try:
            text = _text(packet)
        except av.error.FFmpegError:
            continue
        start = max(0.0, float(packet.pts * packet.time_base) - origin)
        seconds = float((packet.duration or 0) * packet.time_base) or _DEFAULT_SECONDS
        if text:
            cues.append(Cue(start, start + seconds, text))
    return tuple(sorted(cues, key=lambda cue: cue.start))


def _text(packet: Any) -> str:
    lines = []
    for found in packet.decode():
        for rect in getattr(found, "rects", None) or [found]:
            if isinstance(rect, AssSubtitle):
                lines.append(rect.dialogue.decode("utf-8", "replace"))
    text = " ".join(lines).replace(r"\N", " ").replace(r"\n", " ").replace(r"\h", " ")
    return " ".join(html.unescape(_TAGS.sub("", text)).split())
