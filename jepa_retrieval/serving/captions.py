"""The captions that an index keeps, as subtitles."""

from __future__ import annotations

import html
import re

from indexes import Index
from jepa_retrieval.serving.problems import ProblemError
from jepa_retrieval.times import subtitle_time


def captions_of(index: Index, path: str) -> str:
    """The sentences of a file's clips as WebVTT (https://www.w3.org/TR/webvtt1/).

    Raises:
        ProblemError: there are none.
    """
    clips = [clip for clip in index.clips_of(path) if clip.start is not None and clip.end is not None]
    captions = index.captions([clip.clip_id for clip in clips])
    cues = [
        f"{_time(clip.start)} --> {_time(clip.end)}\n{_line(caption)}\n"
        for clip, caption in zip(clips, captions, strict=True)
        if caption
    ]
    if not cues:
        raise ProblemError(404, "the index keeps no captions of the file; `jepa index --captions` adds them")
    return "WEBVTT\n\n" + "\n".join(cues)


def _time(seconds: float | None) -> str:
    return subtitle_time(seconds or 0.0, point=".")


def _line(text: str) -> str:
    return html.escape(re.sub(r"\s+", " ", text).strip(), quote=False) or "-"
