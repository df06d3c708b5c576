"""Subtitles that a video already has: tracks in the file, and .srt and .vtt files beside it.

Called in worker processes, as everything is that libav reads.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
from av.stream import Disposition
from av.subtitles.subtitle import AssSubtitle

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.reasons import check_regular_file, os_reason
from jepa_retrieval.media.sound import subtitle_text
from jepa_retrieval.media.sound.languages import two_letters
from jepa_retrieval.media.sound.subtitle_names import language_in_name
from jepa_retrieval.media.sound.subtitle_text import DEFAULT_SECONDS, Cue
from jepa_retrieval.media.video.origin import clock_origin, shown_stream
from jepa_retrieval.media.video.video_file import open_container

if TYPE_CHECKING:
    from av.container import InputContainer

_PLAIN_CODECS = ("subrip", "webvtt", "text")  # their packets are texts
_TEXT_CODECS = (*_PLAIN_CODECS, "ass", "ssa", "mov_text")  # others are pictures
_COMMANDS = re.compile(r"\{[^{}]{0,200}\}")  # of SubStation Alpha
_MAX_NAMED = 3  # lines of a file
# Of a file beside the video; where words begin in a text is stored as float32, exact up to here.
_MAX_BYTES = 1 << 24


@dataclass(frozen=True, slots=True)
class Subtitles:
    """What is said in a file, as somebody wrote it down."""

    source: str  # the name of the file, or "subtitle track N"
    language: str | None  # ISO 639-1 where there is such a code; None if it is not stated
    cues: tuple[Cue, ...]  # in the order of time
    missing: str | None = None  # what of them could not be read; None if all was
    guessed: str | None = None  # what was guessed about them, which may be wrong
    is_beside: bool = True  # whether they are a file beside the video; else a track of it


def find_subtitles(path: Path, *, on_tick: Callable[[], None]) -> Subtitles | None:
    """The subtitles of a video: of a file beside it, else of its first track of text; None if there are none.

    Empty files are passed over: `jepa transcript film.mp4 --srt > film.srt` begins with one.

    Raises:
        UnreadableMediaError: a file beside the video cannot be read; the reason names it.
    """
    for sidecar, language in sidecars(path):
        if _is_empty(sidecar):
            continue
        found = _read_sidecar(path, sidecar, language)
        on_tick()
        if found.cues or found.missing:
            return found
    with contextlib.suppress(UnreadableMediaError), open_container(path) as container:
        return _read_tracks(container, on_tick)
    return None


def sidecars(path: Path) -> list[tuple[Path, str | None]]:
    """The files beside a video that hold its subtitles, with their languages: film.srt before film.de.srt."""
    found: list[tuple[int, str, str | None]] = []
    with contextlib.suppress(OSError), os.scandir(path.parent) as entries:
        for entry in entries:
            belongs, language = language_in_name(entry.name, path.stem)
            if belongs:
                found.append((0 if language is None else 1, entry.name, language))
    return [(path.parent / name, language) for _, name, language in sorted(found, key=lambda item: item[:2])]


def missing_of_sidecar(path: Path, name: str) -> str | None:
    """What of a file with subtitles beside a video cannot be used, as it is now; None if all can, or it is gone."""
    for sidecar, language in sidecars(path):
        if sidecar.name == name:
            with contextlib.suppress(UnreadableMediaError):
                return _read_sidecar(path, sidecar, language).missing
    return None


def empty_sidecars(path: Path) -> list[str]:
    """The names of files beside a video that would hold its subtitles if they were not empty."""
    return [sidecar.name for sidecar, _ in sidecars(path) if _is_empty(sidecar)]


def _is_empty(sidecar: Path) -> bool:
    """Whether it is a file of 0 bytes; not if that cannot be told."""
    with contextlib.suppress(OSError):
        status = sidecar.stat()
        return stat.S_ISREG(status.st_mode) and status.st_size == 0
    return False


def _read_sidecar(video: Path, sidecar: Path, language: str | None) -> Subtitles:
    """The subtitles of a file beside a video.

    Raises:
        UnreadableMediaError: of the video; the reason names the file.
    """

    def unreadable(reason: str) -> UnreadableMediaError:
        return UnreadableMediaError(video, f"its subtitles cannot be read: {sidecar.name} {reason}")

    try:
        size = check_regular_file(sidecar).size
        if size > _MAX_BYTES:
            raise unreadable(f"has {size:,} bytes, more than the {_MAX_BYTES:,} that subtitles may have")
        decoded = subtitle_text.decode(sidecar.read_bytes())
    except UnreadableMediaError as error:
        raise error if error.path is video else unreadable(error.reason) from error
    except OSError as error:
        raise unreadable(f"({os_reason(error)})") from error
    cues, unusable = subtitle_text.parse(decoded.text)
    where = f"{_count(len(unusable), 'cue')} with times that cannot be used ({_lines(unusable)})"
    if not cues and unusable:
        raise unreadable(f"has only {where}")
    if not cues and not subtitle_text.is_webvtt(decoded.text):
        raise unreadable("has no cue in the format SubRip or WebVTT")
    missing = [where] if unusable else []
    missing += [f"{_count(decoded.replaced, 'damaged character')}"] if decoded.replaced else []
    return Subtitles(
        sidecar.name,
        language,
        cues,
        missing=f"{sidecar.name} has {' and '.join(missing)}; the rest was read" if missing else None,
        guessed=f"{sidecar.name} is not in Unicode and was read as {decoded.guessed}"
        if decoded.guessed
        else None,
    )


def _read_tracks(container: InputContainer, on_tick: Callable[[], None]) -> Subtitles | None:
    for number, stream in enumerate(container.streams.subtitles, start=1):
        # Such tracks only translate what is said in another language.
        forced = Disposition.forced in stream.disposition
        context = stream.codec_context
        if forced or context is None or context.codec.canonical_name not in _TEXT_CODECS:
            continue
        container.seek(0)
        source = f"subtitle track {number}"
        cues, lost = _cues(container, stream, on_tick)
        if cues or lost:
            language = two_letters(str(stream.metadata.get("language", "")))
            missing = (
                f"{_count(lost, 'cue')} of its {source} cannot be decoded; the rest was read"
                if lost
                else None
            )
            return Subtitles(source, language, cues, missing=missing, is_beside=False)
    return None


def _cues(container: InputContainer, stream: Any, on_tick: Callable[[], None]) -> tuple[tuple[Cue, ...], int]:
    """The cues of a track, and how many cannot be decoded."""
    origin = clock_origin(container, shown_stream(container))
    is_plain = stream.codec_context.codec.canonical_name in _PLAIN_CODECS
    cues, lost = [], 0
    for packet in container.demux(stream):
        on_tick()
        if packet.pts is None or not packet.size:
            continue
        try:
            text = _plain_text(bytes(packet)) if is_plain else _decoded_text(packet)
        except av.error.FFmpegError:
            lost += 1
            continue
        start = max(0.0, float(packet.pts * packet.time_base) - origin)
        seconds = float((packet.duration or 0) * packet.time_base)
        if text:
            cues.append(Cue(start, start + (seconds if seconds > 0 else DEFAULT_SECONDS), text))
    return tuple(sorted(cues, key=lambda cue: cue.start)), lost


def _plain_text(content: bytes) -> str:
    return subtitle_text.plain(subtitle_text.decode(content).text.splitlines())


def _decoded_text(packet: Any) -> str:
    lines = []
    for found in packet.decode():
        for rect in getattr(found, "rects", None) or [found]:
            if isinstance(rect, AssSubtitle):
                lines.append(rect.dialogue.decode("utf-8", "replace"))
    text = " ".join(lines).replace(r"\N", " ").replace(r"\n", " ").replace(r"\h", " ")
    return subtitle_text.plain([_COMMANDS.sub("", text)])


def _lines(numbers: Sequence[int]) -> str:
    """The first of these lines of a file."""
    first = ", ".join(f"{number:,}" for number in numbers[:_MAX_NAMED])
    return f"line{'' if len(numbers) == 1 else 's'} {first}{', ...' if len(numbers) > _MAX_NAMED else ''}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
