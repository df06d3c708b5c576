"""Names of data sets, the task each is for, and where each lies in the shared data."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.datasets import shapes
from benchmarks.datasets.location import shared_folder
from jepa_retrieval.errors import UsageError

Task = Literal[
    "retrieval",
    "classification",
    "questions",
    "hard-negatives",
    "world-prediction",
    "anticipation",
    "captioning",
    "selective-decoding",
    "anomaly",
    "planning",
    "physics",
]


@dataclass(frozen=True)
class Entry:
    """A data set by name."""

    name: str
    task: Task
    module: str  # in benchmarks.datasets
    function: str = "load"
    shared: str = ""  # folder in the shared data; "" where it is not part of them
    made: bool = False  # by the benchmark itself: it has no folder

    def load(self, folder: Path) -> shapes.DataSet:
        """Read it from `folder`. Raises DataSetError naming the file that is missing."""
        module = importlib.import_module(f"benchmarks.datasets.{self.module}")
        loader: Callable[[Path], shapes.DataSet] = getattr(module, self.function)
        return loader(folder)

    @property
    def source(self) -> str:
        """Where the data come from."""
        module = importlib.import_module(f"benchmarks.datasets.{self.module}")
        source = getattr(module, "SOURCE", None)
        return str(source) if source else str(module.SOURCES[self.name])

    def default_folder(self) -> Path | None:
        """Where it lies in the shared data; None if it is not part of them, or they are not on this machine."""
        shared = shared_folder()
        return shared / self.shared if self.shared and shared is not None else None


ENTRIES = (
    Entry("msrvtt-1ka", "retrieval", "msrvtt", "load_1ka"),
    Entry("msrvtt-full", "retrieval", "msrvtt", "load_full"),
    Entry("msvd", "retrieval", "msvd"),
    Entry("didemo", "retrieval", "didemo"),
    Entry("didemo-val", "retrieval", "didemo", "load_val"),
    Entry("activitynet", "retrieval", "activitynet"),
    Entry("youcook2", "retrieval", "youcook2"),
    Entry("pvd-bench", "retrieval", "pvd_bench"),
    Entry("dream-1k", "retrieval", "dream1k"),
    Entry("vdc-1k", "retrieval", "vdc"),
    Entry("flickr8k", "retrieval", "flickr8k", shared="flickr8k"),
    Entry("flickr8k-dev", "retrieval", "flickr8k", "load_dev", shared="flickr8k"),
    Entry("panda70m", "retrieval", "panda70m", shared="videos/panda70m"),
    Entry("kinetics400", "classification", "kinetics"),
    Entry("ssv2", "classification", "ssv2"),
    Entry("epic100", "classification", "epic_kitchens"),
    Entry("epic100-verb", "classification", "epic_kitchens", "load_verbs"),
    Entry("epic100-noun", "classification", "epic_kitchens", "load_nouns"),
    Entry("egoexo4d", "classification", "egoexo4d"),
    Entry("coin-step", "classification", "coin", "load_steps"),
    Entry("coin-task", "classification", "coin", "load_tasks"),
    Entry("crosstask-step", "classification", "crosstask", "load_steps"),
    Entry("crosstask-task", "classification", "crosstask", "load_tasks"),
    Entry("ucf101", "classification", "ucf101"),
    Entry("ucf101-split2", "classification", "ucf101", "load_2"),
    Entry("ucf101-split3", "classification", "ucf101", "load_3"),
    Entry("hmdb51", "classification", "hmdb51"),
    Entry("hmdb51-split2", "classification", "hmdb51", "load_2"),
    Entry("hmdb51-split3", "classification", "hmdb51", "load_3"),
    Entry("imagenet-samples", "classification", "imagenet_samples", shared="imagenet1k-samples"),
    Entry(
        "imagenet-samples-80", "classification", "imagenet_samples", "load_clip", shared="imagenet1k-samples"
    ),
    Entry("caltech101", "classification", "caltech101", shared="caltech101"),
    Entry("gqa", "questions", "gqa"),
    Entry("tallyqa", "questions", "tallyqa"),
    Entry("pope", "questions", "pope"),
    Entry("repope", "questions", "pope", "load_repope"),
    Entry("vqav2", "questions", "vqav2"),
    Entry("daquar", "questions", "daquar", shared="daquar"),
    Entry("coco5k", "questions", "coco5k", shared="coco5k"),
    Entry("sugarcrepe-pp", "hard-negatives", "sugarcrepe_pp", shared="text/sugarcrepe_pp"),
    Entry("visla", "hard-negatives", "visla", shared="text/visla"),
    Entry("worldprediction-wm", "world-prediction", "world_prediction"),
    Entry("epic100-anticipation", "anticipation", "epic_kitchens", "load_anticipation"),
    Entry("coin-next-step", "anticipation", "coin", "load_next_step"),
    Entry("natural-videos", "anticipation", "unlabelled_videos", shared="."),
    Entry("msrvtt-full", "captioning", "msrvtt", "load_full"),
    Entry("msvd", "captioning", "msvd"),
    Entry("activitynet", "captioning", "activitynet"),
    Entry("pvd-bench", "captioning", "pvd_bench"),
    Entry("flickr8k", "captioning", "flickr8k", shared="flickr8k"),
    Entry("panda70m", "captioning", "panda70m", shared="videos/panda70m"),
    Entry("egoexo4d-descriptions", "selective-decoding", "egoexo4d", "load_descriptions"),
    Entry("long-timed", "selective-decoding", "long_timed", shared="videos/long-timed"),
    Entry("worldprediction-wm", "planning", "world_prediction", "load_change"),
    Entry("worldprediction-pp", "planning", "world_prediction", "load_order"),
    Entry("panda70m-change", "planning", "cut_videos", "load_change", shared="videos/panda70m"),
    Entry("panda70m-order", "planning", "cut_videos", "load_order", shared="videos/panda70m"),
    Entry("worlds", "physics", "generated_worlds", made=True),
    Entry("intphys2-debug", "physics", "intphys2", "load_debug"),
    Entry("intphys2-main", "physics", "intphys2", "load_main"),
    Entry("ucsd-ped2", "anomaly", "ucsd", shared="videos/ucsd-ped2"),
)


def names(task: str) -> list[str]:
    """The data sets of a task."""
    return [entry.name for entry in ENTRIES if entry.task == task]


def find(task: str, name: str) -> Entry:
    """The data set `name` of `task`. Raises UsageError with the names that there are."""
    for entry in ENTRIES:
        if (entry.task, entry.name) == (task, name):
            return entry
    raise UsageError(f"{task} has no data set {name!r} (allowed: {', '.join(names(task))})")


def load(entry: Entry, folder: Path | None) -> shapes.DataSet:
    """Read a data set from `folder`, or from where the shared data have it.

    Raises:
        UsageError: no folder is given for a set that the shared data do not have.
    """
    if entry.made:
        if folder is not None:
            raise UsageError(f"{entry.name} is made by the benchmark: it is not read from a folder")
        return entry.load(Path())
    place = folder or entry.default_folder()
    if place is None:
        raise UsageError(f"{entry.name}: name its folder with --data; the data come from {entry.source}")
    return entry.load(place)
