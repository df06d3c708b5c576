"""Records of an index as clients see them."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from jepa_retrieval.media.suffixes import RAW_SUFFIXES
from jepa_retrieval.serving.media_files import MediaFiles, clean
from jepa_retrieval.serving.schemas.media import MediaItem
from jepa_retrieval.serving.schemas.search import Hit
from jepa_retrieval.serving.schemas.tasks import Choice
from jepa_retrieval.serving.served import Commit
from jepa_retrieval.tasks.asking.candidates import Scored
from jepa_retrieval.tasks.searching.moments import Moment
from jepa_retrieval.tasks.searching.options import SENSES

MEDIA_COLUMNS = (
    "media_id", "path", "kind", "state", "error", "duration", "width", "height", "frame_rate", "codec", "size",
    "mtime", "clips",
)  # fmt: skip
_MP4, _WEBM = (".mp4", ".m4v", ".mov"), (".webm",)
_NATIVE_VIDEOS = {"h264": _MP4, "av1": _MP4 + _WEBM, "vp9": _MP4 + _WEBM, "vp8": _WEBM}  # codec: containers
_M4A, _WEBA = (".m4a", ".m4b", ".mp4"), (".webm", ".weba")
_NATIVE_SOUND = {
    "mp3": (".mp3",),
    "aac": (*_M4A, ".aac"),
    "flac": (".flac",),
    "opus": _WEBA,
    "pcm_s16le": (".wav",),
}
_SOUND_TYPES = {
    ".m4a": "audio/mp4",
    ".m4b": "audio/mp4",
    ".weba": "audio/webm",
}  # that are not known everywhere
_NATIVE_PICTURES = ("jpeg", "png", "gif", "webp", "avif", "bmp")
ANIMATED = ("gif", "png", "webp", "avif")  # codecs of videos that Pillow reads
_OCTETS = "application/octet-stream"


def media_item(commit: Commit, row: Mapping[str, Any], files: MediaFiles) -> MediaItem:
    """A row of the table of media."""
    number = commit.media_id(row["path"])
    url = f"/v1/media/{number}"
    return MediaItem(
        id=number,
        index=commit.name,
        path=files.shown(commit, row["path"]),
        kind=row["kind"],
        state=row["state"],
        error=None if row["error"] is None else clean(row["error"]),
        duration=row["duration"],
        width=row["width"],
        height=row["height"],
        frame_rate=row["frame_rate"],
        codec=row["codec"],
        size=row["size"],
        modified=row["mtime"],
        clips=row["clips"],
        plays_natively=plays_natively(row["path"], row["kind"], row["codec"]),
        file_url=f"{url}/file",
        preview_url=f"{url}/preview",
        thumbnail_url=None if row["kind"] == "audio" else f"{url}/thumbnail",
    )


def hit(commit: Commit, moment: Moment, files: MediaFiles, *, rank: int) -> Hit:
    """A moment that a search has found."""
    media_id = commit.media_id(moment.path)
    return Hit(
        id=commit.clip_id(moment.clip_id),
        media_id=media_id,
        index=commit.name,
        path=files.shown(commit, moment.path),
        kind=moment.kind,
        start=moment.start,
        end=moment.end,
        score=round(moment.score, 6),
        confidence=None if moment.confidence is None else round(moment.confidence, 4),
        rank=rank,
        caption=moment.caption,
        found_by=[sense for sense in SENSES if sense in moment.found_by],
        by_meaning=[sense for sense in SENSES if sense in moment.by_meaning],
        said=None if moment.said is None else clean(moment.said),
        written=None if moment.written is None else clean(moment.written),
        offline=moment.offline,
        thumbnail_url=None if moment.kind == "audio" else thumbnail_url(media_id, moment.start, moment.end),
    )


def choice(scored: Scored) -> Choice:
    """A label or an answer."""
    return Choice(name=scored.name, score=round(scored.score, 5), probability=round(scored.probability, 5))


def thumbnail_url(media_id: int, start: float | None, end: float | None) -> str:
    """Where the picture of an interval is: of its middle; None and None for a photograph."""
    at = "" if start is None else f"?t={(start + (end or start)) / 2:g}"
    return f"/v1/media/{media_id}/thumbnail{at}"


def plays_natively(path: str, kind: str, codec: str | None) -> bool:
    """Whether every current browser shows or plays the file as it is, as far as its name and codec tell."""
    suffix = PurePosixPath(path).suffix.lower()
    if kind == "audio":
        return suffix in _NATIVE_SOUND.get(codec or "", ())
    if kind == "image" or codec in ANIMATED:
        return codec in _NATIVE_PICTURES and suffix not in RAW_SUFFIXES
    return suffix in _NATIVE_VIDEOS.get(codec or "", ())


def media_type(path: str) -> str:
    """The media type that a file is sent with: of pictures, video or sound, and never one that a browser runs."""
    name = PurePosixPath(path)
    kind = _SOUND_TYPES.get(name.suffix.lower()) or mimetypes.guess_type(name.name)[0] or _OCTETS
    return kind if kind.startswith(("video/", "image/", "audio/")) and "svg" not in kind else _OCTETS
