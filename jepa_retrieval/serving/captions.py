"""The captions that an index keeps, as subtitles."""

from __future__ import annotations

from indexes import Index
from jepa_retrieval.report.subtitles import vtt_cue
from jepa_retrieval.serving.problems import ProblemError


def captions_of(index: Index, path: str) -> str:
    """The sentences of a file's clips as WebVTT (https://www.w3.org/TR/webvtt1/).

    Raises:
        ProblemError: there are none.
    """
    clips = [clip for clip in index.clips_of(path) if clip.start is not None and clip.end is not None]
    captions = index.captions([clip.clip_id for clip in clips])
    cues = [
        vtt_cue(clip.start or 0.0, clip.end or 0.0, caption) + "\n"
        for clip, caption in zip(clips, captions, strict=True)
        if caption
    ]
    if not cues:
        raise ProblemError(404, "the index keeps no captions of the file; `jepa index --captions` adds them")
    return "WEBVTT\n\n" + "\n".join(cues)
