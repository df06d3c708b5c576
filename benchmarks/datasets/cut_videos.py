"""Planning questions from any folder of videos: each video of 8 s or more is cut into four clips.

FOLDER/.../*.mp4    videos, of which nothing need be known

Change (as in WorldPrediction-WM): which of the four clips lies between two pictures, the last before it and the
first after it? Order (as in WorldPrediction-PP): which of four orders of the clips leads from the first picture of
the video to its last? Each question is asked for three seeds, which choose the clip, and the wrong orders.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.datasets.files import DataSetError, media_files
from benchmarks.datasets.shapes import Clip, PlanQuestion, PlanSet
from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media import probe
from jepa_retrieval.media.kinds import reader_of

SOURCE = "any folder of videos"
CLIPS = 4
CANDIDATES = 4
MIN_SECONDS = 8.0
MAX_SECONDS = 60.0  # of a video, from its beginning
EDGE = 0.5  # seconds that stand for a state
SEEDS = 3

Ask = Callable[
    [Path, list[float], np.random.Generator, int], PlanQuestion
]  # of a path, the edges of its clips


def load_change(folder: Path) -> PlanSet:
    """Which clip lies between two pictures?"""
    return _load(folder, "clip between two pictures", _change)


def load_order(folder: Path) -> PlanSet:
    """Which order of the clips leads from the first picture to the last?"""
    return _load(folder, "order of four clips", _order)


def _load(folder: Path, what: str, question: Ask) -> PlanSet:
    if not folder.is_dir():
        raise DataSetError(f"{folder}: no such folder; the data come from {SOURCE}")
    paths = [path for path in media_files(folder) if _length(path) >= MIN_SECONDS]
    if not paths:
        raise DataSetError(
            f"{folder}: no video in it has {MIN_SECONDS:g} seconds or more; the data are {SOURCE}"
        )
    found = []
    for seed in range(SEEDS):
        for row, path in enumerate(paths):
            random = np.random.default_rng([seed, row])
            edges = np.linspace(0.0, min(_length(path), MAX_SECONDS), CLIPS + 1).tolist()
            found.append(question(path, edges, random, seed))
    return PlanSet(f"{folder.name}, {what}", tuple(found), named=len(found))


def _length(path: Path) -> float:
    """Seconds; 0 for what is no video, or cannot be read."""
    try:
        if reader_of(path) != "video":
            return 0.0
        return probe(path).duration or 0.0
    except UnreadableMediaError:
        return 0.0


def _clips(path: Path, edges: list[float]) -> list[Clip]:
    return [Clip(path, start, end) for start, end in itertools.pairwise(edges)]


def _change(path: Path, edges: list[float], random: np.random.Generator, seed: int) -> PlanQuestion:
    clips = _clips(path, edges)
    answer = int(random.integers(1, CLIPS - 1))  # with a clip before and after it
    start, end = edges[answer], edges[answer + 1]
    return PlanQuestion(
        Clip(path, start - EDGE, start),
        Clip(path, end, end + EDGE),
        tuple((clip,) for clip in clips),
        answer,
        group=seed,
    )


def _order(path: Path, edges: list[float], random: np.random.Generator, seed: int) -> PlanQuestion:
    clips = _clips(path, edges)
    orders = [tuple(range(CLIPS))]
    while len(orders) < CANDIDATES:
        order = tuple(int(row) for row in random.permutation(CLIPS))
        if order not in orders:
            orders.append(order)
    places = random.permutation(CANDIDATES)
    return PlanQuestion(
        Clip(path, 0.0, EDGE),
        Clip(path, edges[-1] - EDGE, edges[-1]),
        tuple(tuple(clips[row] for row in orders[place]) for place in places),
        int(np.flatnonzero(places == 0)[0]),
        group=seed,
    )
