"""COIN (Tang et al. 2019), testing split: steps, tasks, and which step comes next.

FOLDER/COIN.json        {"database": {ID: {"class", "subset", "start", "end", "annotation": [...]}}}
FOLDER/taxonomy.xlsx    sheet `target_action_mapping`: all 180 tasks and 778 steps
FOLDER/.../ID.mp4
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.datasets.builders import Labelled, classification_set
from benchmarks.datasets.files import DataSetError, MediaFolder, read_json, require, words
from benchmarks.datasets.shapes import AnticipationSet, ClassificationSet, Clip, Future

SOURCE = "github.com/coin-dataset/annotations and coin-dataset.github.io (videos)"


class Taxonomy(NamedTuple):
    """Names of everything that is annotated, by number."""

    tasks: dict[int, str]
    steps: dict[int, str]


class Video(NamedTuple):
    """A test video: its task and its steps in order of time."""

    name: str
    task: str
    start: float  # seconds
    end: float
    steps: list[tuple[float, float, str]]  # start, end, step


def parse_taxonomy(path: Path) -> Taxonomy:
    """Tasks and steps of taxonomy.xlsx, tasks as words."""
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise DataSetError(
            f"{path}: reading it needs openpyxl (pip install 'jepa-retrieval[bench]')"
        ) from error
    sheet = load_workbook(path, read_only=True)["target_action_mapping"]
    tasks: dict[int, str] = {}
    steps: dict[int, str] = {}
    for task, task_name, step, step_name in sheet.iter_rows(min_row=2, max_col=4, values_only=True):
        if step is not None:
            tasks[int(str(task))] = words(str(task_name))
            steps[int(str(step))] = " ".join(str(step_name).split())
    return Taxonomy(tasks, steps)


def parse_videos(path: Path, steps: dict[int, str]) -> list[Video]:
    """Videos of the testing split."""
    database: dict[str, dict[str, Any]] = read_json(path)["database"]
    return [
        Video(name, words(row["class"]), float(row["start"]), float(row["end"]), _steps(row, steps))
        for name, row in database.items()
        if row["subset"] == "testing"
    ]


def _steps(row: dict[str, Any], steps: dict[int, str]) -> list[tuple[float, float, str]]:
    found = []
    for part in row["annotation"]:
        start, end = part["segment"]
        found.append((float(start), float(end), steps[int(part["id"])]))
    return sorted(found)


def _read(folder: Path) -> tuple[Taxonomy, list[Video], MediaFolder]:
    taxonomy = parse_taxonomy(require(folder, "taxonomy.xlsx", source=SOURCE))
    videos = parse_videos(require(folder, "COIN.json", source=SOURCE), taxonomy.steps)
    return taxonomy, videos, MediaFolder(folder, source=SOURCE)


def load_steps(folder: Path) -> ClassificationSet:
    """Segments; candidates are all steps, those of the same wording counting as one."""
    taxonomy, videos, media = _read(folder)
    rows = [Labelled(v.name, step, start, end) for v in videos for start, end, step in v.steps]
    return classification_set("COIN test, steps", rows, media, classes=list(taxonomy.steps.values()))


def load_tasks(folder: Path) -> ClassificationSet:
    """Whole videos, from where the task starts to where it ends."""
    taxonomy, videos, media = _read(folder)
    rows = [Labelled(v.name, v.task, v.start, v.end) for v in videos]
    return classification_set("COIN test, tasks", rows, media, classes=list(taxonomy.tasks.values()))


def load_next_step(folder: Path) -> AnticipationSet:
    """The step that follows, from the segment of the step before."""
    taxonomy, videos, media = _read(folder)
    classes = tuple(dict.fromkeys(taxonomy.steps.values()))
    futures = []
    named = 0
    for video in videos:
        path = media.find(video.name)
        for (start, end, _), (_, _, following) in zip(video.steps, video.steps[1:], strict=False):
            named += 1
            if path is not None:
                futures.append(Future(Clip(path, start, end), classes.index(following), "next step"))
    if not futures:
        raise media.missing("videos", videos[0].name if videos else "")
    return AnticipationSet("COIN test, next step", tuple(futures), classes, named)
