"""Chapters in the format that ffmpeg reads: https://ffmpeg.org/ffmpeg-formats.html#Metadata-2."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jepa_retrieval.tasks.watching.chapters import Chapter


def ffmetadata(chapters: Sequence[Chapter], *, summary: str | None = None) -> str:
    """A metadata file with one CHAPTER section each, in milliseconds, and the summary as the file's description."""
    lines = [";FFMETADATA1"]
    if summary is not None:
        lines.append(f"description={_escaped(summary)}")
    for chapter in chapters:
        lines += [
            "[CHAPTER]",
            "TIMEBASE=1/1000",
            f"START={round(chapter.start * 1000)}",
            f"END={round(chapter.end * 1000)}",
            f"title={_escaped(chapter.title)}",
        ]
    return "\n".join(lines)


def _escaped(text: str) -> str:
    return re.sub(r"([=;#\\])", r"\\\1", " ".join(text.split()))
