"""Ego-Exo4D (Grauman et al. 2024), validation split, seen by the wearer: key steps, and described moments.

FOLDER/takes.json                                  [{"take_uid", "take_name", ...}, ...]
FOLDER/annotations/keystep_val.json                "annotations" by take, "vocabulary" of all steps
FOLDER/annotations/atomic_descriptions_val.json    "annotations" by take: texts with a time
FOLDER/takes/TAKE_NAME/frame_aligned_videos/[downscaled/448/]aria01_214-1.mp4
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.datasets.builders import Labelled
from benchmarks.datasets.files import DataSetError, read_json, require
from benchmarks.datasets.shapes import ClassificationSet, Clip, Event, TimedSet, TimedVideo

SOURCE = "ego-exo4d-data.org (`egoexo --parts annotations metadata downscaled_takes/448`)"
EGO_CAMERA = "aria*_214-1.mp4"  # the RGB stream of the glasses


def parse_keysteps(path: Path) -> tuple[list[Labelled], list[str]]:
    """Segments by the name of their take, and the names of all steps."""
    document = read_json(path)
    rows = [
        Labelled(take["take_name"], segment["step_name"], segment["start_time"], segment["end_time"])
        for take in document["annotations"].values()
        for segment in take["segments"]
    ]
    return rows, list(document["vocabulary"].values())


def parse_descriptions(path: Path) -> dict[str, tuple[Event, ...]]:
    """Described moments by take_uid, of the first annotator whose work was not rejected, in order of time."""
    events = {}
    for take, passes in read_json(path)["annotations"].items():
        accepted = [one for one in passes if not one["rejected"]]
        if accepted:
            told = [(row["timestamp"], row["text"]) for row in accepted[0]["descriptions"]]
            events[take] = tuple(Event(time, time, text) for time, text in sorted(told))
    return events


def ego_video(folder: Path, take: str) -> Path | None:
    """The video of the glasses of a take, the small copy where there is one."""
    found = sorted((folder / "takes" / take).rglob(EGO_CAMERA), key=lambda path: -len(path.parts))
    return found[0] if found else None


def load(folder: Path) -> ClassificationSet:
    """Key steps."""
    rows, vocabulary = parse_keysteps(require(folder, "keystep_val.json", source=SOURCE))
    names = list(dict.fromkeys([*vocabulary, *(row.label for row in rows)]))
    videos = {take: ego_video(folder, take) for take in {row.name for row in rows}}
    found = [(row, path) for row in rows if (path := videos[row.name]) is not None]
    if not found:
        raise DataSetError(f"{folder / 'takes'}: none of the takes is here; they come from {SOURCE}")
    return ClassificationSet(
        "Ego-Exo4D val, key steps",
        tuple(Clip(path, row.start, row.end) for row, path in found),
        tuple(names.index(row.label) for row, _ in found),
        tuple(names),
        named=len(rows),
    )


def load_descriptions(folder: Path) -> TimedSet:
    """Takes with their atomic descriptions, for selective decoding."""
    events = parse_descriptions(require(folder, "atomic_descriptions_val.json", source=SOURCE))
    takes = read_json(require(folder, "takes.json", source=SOURCE))
    names = {take["take_uid"]: take["take_name"] for take in takes}
    videos = []
    for uid, told in events.items():
        path = ego_video(folder, names[uid]) if uid in names else None
        if path is not None:
            videos.append(TimedVideo(path, told))
    if not videos:
        raise DataSetError(f"{folder / 'takes'}: none of the takes is here; they come from {SOURCE}")
    return TimedSet("Ego-Exo4D val, atomic descriptions", tuple(videos), named=len(events))
