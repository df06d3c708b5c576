"""What is said and written in a file as one list of lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from jepa_retrieval.tasks.encoding.passages import passages_of_writing
from jepa_retrieval.tasks.encoding.transcript import lines_of_speech
from jepa_retrieval.tasks.encoding.writing import lines_of_writing

if TYPE_CHECKING:
    from indexes import Index


@dataclass(frozen=True, slots=True)
class TimedText:
    """A line that is said, or lines that are written together."""

    text: str
    start: float  # seconds
    end: float
    sense: Literal["said", "written"]


def words_of_file(index: Index, path: str) -> list[TimedText]:
    """What an index knows to be said and written in a file, in the order of time; each line once.

    Args:
        index: that has the file, or not.
        path: as it is stored.
    """
    clips = index.clips_of(path)
    clip_ids = [clip.clip_id for clip in clips]
    found: dict[tuple[str, float], TimedText] = {}
    for clip, speech, writing in zip(clips, index.speech(clip_ids), index.writing(clip_ids), strict=True):
        for line in () if speech is None else lines_of_speech(speech):
            found.setdefault((line.text, line.start), TimedText(line.text, line.start, line.end, "said"))
        lines = [] if writing is None else lines_of_writing(writing)
        for passage in () if writing is None else passages_of_writing(clip.clip_id, writing):
            together = lines[passage.first_line : passage.first_line + passage.lines]
            start, end = together[0].start, max(line.end for line in together)
            found.setdefault((passage.text, start), TimedText(passage.text, start, end, "written"))
    return sorted(found.values(), key=lambda text: text.start)
