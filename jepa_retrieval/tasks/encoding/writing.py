"""What is written in the pictures of a file: lines with times and places, and how clips of an index store them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexes.records import ClipWriting
from jepa_retrieval.media.changes import ChangedPictures, clip_at, read_changed
from jepa_retrieval.media.workers.calls import call_in_worker
from jepa_retrieval.models.writing import TextLine

if TYPE_CHECKING:
    from indexes.records import ClipHit

MIN_CONFIDENCE = 0.5  # of lines that are stored
# In the next picture, the same text is the same line if its middle has moved by less than this share of the picture.
_MAX_MOVE = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class WrittenLine:
    """A line of text that is seen in a clip."""

    text: str
    start: float  # seconds; 0 in images
    end: float
    confidence: float  # 0 to 1
    corners: np.ndarray  # float32 [4, 2], as in `TextLine`


ReadPicture = tuple[float | None, list[TextLine]]  # when it is seen, and what is written in it


def changed_pictures(path: Path, clips: Sequence[ClipHit]) -> Iterator[ChangedPictures]:
    """The pictures of a file in which something else may be written, read in a worker process, a portion at a time.

    Raises:
        UnreadableMediaError: the file cannot be read.
        MediaError: worker processes cannot be started.
    """
    starts = [clip.start or 0.0 for clip in clips]
    portion = call_in_worker(read_changed, path, starts, None, None)
    while portion.next_time is not None:
        yield portion
        portion = call_in_worker(read_changed, path, starts, portion.next_time, portion.last)
    yield portion


def writing_of_clips(
    pictures: Sequence[ReadPicture], clips: Sequence[ClipHit], source: str
) -> dict[int, ClipWriting]:
    """What is written in each clip of a file, by clip_id.

    Args:
        pictures: in order of time, with the lines in each.
        clips: of the file, in order of time.
        source: the name of the model.
    """
    starts = [clip.start or 0.0 for clip in clips]
    by_clip: list[list[ReadPicture]] = [[] for _ in clips]
    for time, lines in pictures:
        by_clip[clip_at(time or 0.0, starts)].append((time, lines))
    return {clip.clip_id: _stored(clip, seen, source) for clip, seen in zip(clips, by_clip, strict=True)}


def lines_of_writing(writing: ClipWriting) -> list[WrittenLine]:
    """The lines of what is written in a clip."""
    texts = writing.text.split("\n") if writing.text else []
    return [
        WrittenLine(text, float(row[0]), float(row[1]), float(row[2]), row[3:].reshape(4, 2))
        for text, row in zip(texts, writing.places, strict=True)
    ]


def _stored(clip: ClipHit, pictures: Sequence[ReadPicture], source: str) -> ClipWriting:
    lines = _lines(clip, pictures)
    rows = [(line.start, line.end, line.confidence, *line.corners.ravel().tolist()) for line in lines]
    text = "\n".join(line.text for line in lines)
    return ClipWriting(text, np.array(rows, np.float32).reshape(-1, 11), source)


def _lines(clip: ClipHit, pictures: Sequence[ReadPicture]) -> list[WrittenLine]:
    """What one picture after the other shows is one line."""
    done: list[WrittenLine] = []
    shown: list[WrittenLine] = []  # in the picture before
    for number, (time, found) in enumerate(pictures):
        start = clip.start if number == 0 or time is None else time
        after = pictures[number + 1][0] if number + 1 < len(pictures) else clip.end
        now: list[WrittenLine] = []
        for line in found:
            if line.confidence < MIN_CONFIDENCE:
                continue
            seen = WrittenLine(line.text, start or 0.0, after or 0.0, line.confidence, line.corners)
            before = next((other for other in shown if _is_same(other, seen)), None)
            if before is not None:
                shown.remove(before)
                seen = replace(before, end=seen.end, confidence=max(before.confidence, seen.confidence))
            now.append(seen)
        done += shown
        shown = now
    return sorted([*done, *shown], key=lambda line: line.start)


def _is_same(one: WrittenLine, other: WrittenLine) -> bool:
    moved = np.abs(one.corners.mean(axis=0) - other.corners.mean(axis=0)).max()
    return one.text == other.text and bool(moved < _MAX_MOVE)
