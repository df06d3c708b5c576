"""CrossTask (Zhukov et al. 2019), validation videos of the 18 primary tasks: steps and tasks.

FOLDER/crosstask_release/tasks_primary.txt               id, title, URL, number of steps, steps, blank line
FOLDER/crosstask_release/videos_val.csv                  task, video, URL; no heading
FOLDER/crosstask_release/annotations/TASK_VIDEO.csv      step, start, end; no heading
FOLDER/.../VIDEO.mp4
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

from benchmarks.datasets.builders import Labelled, classification_set
from benchmarks.datasets.files import DataSetError, MediaFolder, read_lines, require
from benchmarks.datasets.shapes import ClassificationSet

SOURCE = "github.com/DmZhukov/CrossTask (crosstask_release.zip; videos from YouTube)"


class Task(NamedTuple):
    """A task and its steps in order."""

    title: str
    steps: list[str]


def parse_tasks(path: Path) -> dict[str, Task]:
    """Tasks by id."""
    lines = read_lines(path)  # blank lines are gone: five lines a task
    if len(lines) % 5:
        raise DataSetError(f"{path}: must have five lines for each task, and a blank one")
    return {
        lines[row]: Task(lines[row + 1], [step.strip() for step in lines[row + 4].split(",")])
        for row in range(0, len(lines), 5)
    }


def parse_videos(path: Path) -> list[tuple[str, str]]:
    """(task id, video id) of each video."""
    return [(row[0], row[1]) for row in csv.reader(read_lines(path))]


def parse_steps(path: Path) -> list[tuple[int, float, float]]:
    """Number of the step from 1, start and end in seconds, of each segment."""
    return [(int(row[0]), float(row[1]), float(row[2])) for row in csv.reader(read_lines(path))]


class Release(NamedTuple):
    """The annotations of the primary tasks' validation videos."""

    tasks: dict[str, Task]
    videos: list[tuple[str, str]]
    folder: Path

    def segments(self, task: str, video: str) -> list[tuple[int, float, float]]:
        """The steps of a video; an empty list if it has no annotation."""
        path = self.folder / "annotations" / f"{task}_{video}.csv"
        return parse_steps(path) if path.exists() else []


def read(folder: Path) -> Release:
    """Read the lists of tasks and videos."""
    tasks = require(folder, "crosstask_release/tasks_primary.txt", "tasks_primary.txt", source=SOURCE)
    videos = require(folder, "crosstask_release/videos_val.csv", "videos_val.csv", source=SOURCE)
    known = parse_tasks(tasks)
    return Release(known, [row for row in parse_videos(videos) if row[0] in known], tasks.parent)


def load_steps(folder: Path) -> ClassificationSet:
    """Segments; candidates are the steps of all 18 tasks, those of the same wording counting as one."""
    release = read(folder)
    rows = [
        Labelled(video, release.tasks[task].steps[step - 1], start, end)
        for task, video in release.videos
        for step, start, end in release.segments(task, video)
    ]
    classes = [step for task in release.tasks.values() for step in task.steps]
    media = MediaFolder(folder, source=SOURCE)
    return classification_set("CrossTask val, steps", rows, media, classes=classes)


def load_tasks(folder: Path) -> ClassificationSet:
    """Videos, from their first annotated step to their last; whole ones without annotation."""
    release = read(folder)
    rows = []
    for task, video in release.videos:
        segments = release.segments(task, video)
        start = min(start for _, start, _ in segments) if segments else None
        end = max(end for _, _, end in segments) if segments else None
        rows.append(Labelled(video, release.tasks[task].title, start, end))
    classes = [task.title for task in release.tasks.values()]
    media = MediaFolder(folder, source=SOURCE)
    return classification_set("CrossTask val, tasks", rows, media, classes=classes)
