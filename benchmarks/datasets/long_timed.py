"""Long videos with timed events: natural ones, and ones joined from clips of Panda-70M.

FOLDER/MANIFEST.tsv    file, start_s, end_s, caption, category, ...; a row an event
FOLDER/FILE
"""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks.datasets.files import MediaFolder, read_table, require
from benchmarks.datasets.shapes import Event, TimedSet, TimedVideo

SOURCE = "this project's shared data, videos/long-timed"
COLUMNS = ("file", "start_s", "end_s", "caption")
ANNOTATOR = re.compile(r"^\(\w+ annotator\) ")  # whose caption it is, where two people described a video


def parse(path: Path) -> dict[str, tuple[Event, ...]]:
    """Events by file, in order of time."""
    events: dict[str, list[Event]] = {}
    for row in read_table(path, COLUMNS, separators="\t"):
        event = Event(float(row["start_s"]), float(row["end_s"]), ANNOTATOR.sub("", row["caption"]))
        events.setdefault(row["file"], []).append(event)
    return {name: tuple(sorted(told, key=lambda event: event.start)) for name, told in events.items()}


def load(folder: Path) -> TimedSet:
    """13 videos, 175 events."""
    events = parse(require(folder, "MANIFEST.tsv", source=SOURCE))
    media = MediaFolder(folder, source=SOURCE)
    found = [(media.find(name), told) for name, told in events.items()]
    videos = tuple(TimedVideo(path, told) for path, told in found if path is not None)
    if not videos:
        raise media.missing("videos", next(iter(events), ""))
    return TimedSet("long-timed", videos, named=len(events))
