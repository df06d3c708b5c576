"""What a process that makes a preview is told, as JSON in its one argument, and what it answers if it cannot."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

FAILED = 3  # exit status: the last line on standard error is the reason, for people


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewRequest:
    """One file, or an interval of it.

    Attributes:
        path: the file.
        format: "mp4", or a picture: of a video, the frame at `start`.
        start: seconds of presentation time.
        end: seconds; None for the end of the file.
        height: of a video, or the longest side of a picture, at most so many pixels.
        sound: whether a video's sound is transcoded, too.
    """

    path: str
    format: Literal["mp4", "webp", "jpeg"]
    start: float = 0.0
    end: float | None = None
    height: int = 720
    sound: bool = True

    @property
    def file(self) -> Path:
        """The path as one."""
        return Path(self.path)

    def to_text(self) -> str:
        """As JSON in ASCII."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> PreviewRequest:
        """The reverse of `to_text`."""
        return cls(**json.loads(text))
