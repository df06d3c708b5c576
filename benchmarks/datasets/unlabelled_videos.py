"""Videos of which nothing need be known: what comes next is in them.

FOLDER/train/.../*.mp4    to learn from
FOLDER/test/.../*.mp4     to foresee

or the shared data as they lie: the clips of `captioned` and the training videos of UCSD Ped2 to learn from, Panda-70M
and the natural ones of the long, timed videos to foresee.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from benchmarks.datasets.files import DataSetError, media_files
from benchmarks.datasets.shapes import FutureSet
from jepa_retrieval.media.suffixes import VIDEO_SUFFIXES

SOURCE = "any videos, in train/ and test/"
JOINED = "long_"  # how the names of videos begin that were joined from clips of others


def load(folder: Path) -> FutureSet:
    """All videos of the folders."""
    if (folder / "train").is_dir():
        training, tests = _videos([folder / "train"]), _videos([folder / "test"])
    else:
        clips = [*sorted((folder / "captioned").glob("*_clips")), folder / "videos" / "ucsd-ped2" / "train"]
        training = _videos(clips)
        tests = _videos(folder / "videos" / name for name in ("panda70m", "long-timed"))
    if len(training) < 2 or not tests:
        raise DataSetError(f"{folder}: there are no videos in train/ or test/; the data are {SOURCE}")
    return FutureSet("natural videos", training, tests)


def _videos(folders: Iterable[Path]) -> tuple[Path, ...]:
    return tuple(
        path
        for folder in folders
        for path in media_files(folder)
        if path.suffix.lower() in VIDEO_SUFFIXES and not path.name.startswith(JOINED)
    )
