"""What an index stores: one `MediaRecord` per file, one `ClipRecord` per clip."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

MediaKind = Literal["video", "image", "audio"]  # audio: sound only, with nothing to see
# "partial": indexed as far as the file could be read, or as far as a limit allows.
MediaState = Literal["ok", "partial", "failed"]
PassageSense = Literal["said", "written"]
PASSAGE_SENSES: tuple[PassageSense, ...] = get_args(PassageSense)


@dataclass(frozen=True, slots=True)
class MediaRecord:
    """One media file as it was when it was indexed."""

    path: str  # relative to the media root, "/" between parts; absolute if the file lies outside the root
    size: int  # bytes
    mtime_ns: int  # modification time, nanoseconds since the epoch
    content_hash: str = ""  # of the whole file, of one that failed of its head; "" if it could not be read
    kind: MediaKind = "video"
    duration: float | None = None  # seconds; None for images
    width: int | None = None  # pixels as displayed: after rotation and pixel aspect; None for audio
    height: int | None = None
    frame_rate: float | None = None  # mean frames per second; None for images and audio
    codec: str | None = None
    sampling: str = ""  # how frames were chosen ("auto", "keyframes", "2.0"); "" for images and audio
    state: MediaState = "ok"
    error: str | None = None  # why the file failed or what is missing, one sentence; None if its state is ok

    @property
    def is_indexed(self) -> bool:
        """Whether clips of the file can be found: all of it or a part was indexed."""
        return self.state != "failed"


@dataclass(frozen=True, slots=True, eq=False)
class ClipRecord:
    """Consecutive windows with the same meaning: the unit that is stored and searched."""

    start: float | None  # seconds of presentation time; None for images
    end: float | None
    embedding: np.ndarray  # float32 [E], unit length; zeros for audio, which no search by vector finds
    window_times: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), np.float32))  # seconds [W, 2]
    window_embeddings: np.ndarray | None = None  # float16 [W, E]: the stored stream
    tokens: np.ndarray | None = None  # float16 [N, D]: pooled S_V for later questions; None if not kept
    thumbnail: bytes | None = None  # JPEG


@dataclass(frozen=True, slots=True, eq=False)
class ClipSpeech:
    """What is said in a clip. Lines that reach over its ends belong to it whole, and to its neighbours too."""

    text: str  # lines, "\n" between them; "" if nothing is said
    times: (
        np.ndarray
    )  # float32 [W, 3]: of each word its first character in `text`, its start and end in seconds
    language: str | None  # ISO 639-1; None if it is not known
    source: str  # the recogniser's name, or where the subtitles were


@dataclass(frozen=True, slots=True, eq=False)
class ClipWriting:
    """What is written in the pictures of a clip."""

    text: str  # lines, "\n" between them, in the order of time; "" if nothing is written
    # float32 [L, 11]: of each line the seconds from and to which it is seen (0 in images), its confidence, and its
    # four corners, x and y as shares of the picture's width and height, clockwise from where the line begins
    places: np.ndarray
    source: str  # the name of the model


@dataclass(frozen=True, slots=True)
class ClipHit:
    """One stored clip that was found, with its media file's fields."""

    clip_id: int
    score: float  # inner product of unit vectors, -1 to 1
    path: str
    kind: MediaKind
    start: float | None  # seconds; None for images
    end: float | None


@dataclass(frozen=True, slots=True)
class Passage:
    """Consecutive lines of what is said or written in a clip, which are found by their meaning as one text."""

    clip_id: int
    sense: PassageSense
    first_line: int  # of the clip's lines, from 0
    lines: int
    text: str


@dataclass(frozen=True, slots=True)
class PassageHit:
    """A passage that was found."""

    clip: ClipHit  # its score is the passage's: inner product of unit vectors
    sense: PassageSense
    first_line: int
    lines: int
    key: int  # of its text, see `indexes.vectors.passages.key_of`


@dataclass(frozen=True, slots=True, eq=False)
class ClipWindows:
    """The stored stream of one clip: W windows in order of time."""

    times: np.ndarray  # float32 [W, 2]: start and end in seconds
    embeddings: np.ndarray  # float16 [W, E]
