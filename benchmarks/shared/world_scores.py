"""How surprising each frame of a generated world is: by a prediction of its cells, and by what does not predict."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import faiss
import numpy as np
import torch
from torch.nn import functional

from benchmarks.shared.world_cells import WorldVideos
from benchmarks.shared.world_dynamics import AHEAD, WorldDynamics, WorldMaps, world_maps

SURPRISE, MISSED, UNLIKE = (
    "surprise",
    "foreseen motion that is missed",
    "foreseen motion that looks otherwise",
)
ERROR, BEYOND = "squared error", "squared error beyond its expected variance"
POOLED = 3  # cells per side over which errors are pooled
TOP_CELLS = 20  # whose mean is the frame's
DISTURBED = 5.0  # times the usual change of half of the cells: a change of most of the picture
MIN_CHANGE = 0.02  # of the mean square of cells, likewise
SEEN_FIRST = 6  # frames that are seen before the first prediction
USUAL = 0.99  # quantile of scores in possible worlds
USUAL_WORLDS = 80
UNLIKE_WEIGHT = 2.0  # chosen on other pairs than the benchmark's
_NEAREST_GRID = 5  # cells per side of what training frames are compared by
_FLOOR = 1e-6


@dataclass(frozen=True, slots=True)
class Usual:
    """What one frame in a hundred of possible worlds exceeds."""

    change: float  # the median change of a picture's cells from one frame to the next
    missed: float
    unlike: float


def usual_change(videos: np.ndarray) -> float:
    """`Usual.change` of videos, float16 [V, T, G, G, C]."""
    return float(np.quantile(np.concatenate([_median_changes(video) for video in videos]), USUAL))


def usual_scores(module: WorldDynamics, videos: np.ndarray) -> Usual:
    """What is usual in possible worlds, float16 [V, T, G, G, C]."""
    change = usual_change(videos)
    found = [_frame_scores(module, video, change) for video in videos[:USUAL_WORLDS]]

    def quantile(name: str) -> float:
        return max(float(np.quantile(np.concatenate([scores[name] for scores in found]), USUAL)), _FLOOR)

    return Usual(change, quantile(MISSED), quantile(UNLIKE))


def predicted_scores(module: WorldDynamics, video: np.ndarray, usual: Usual) -> dict[str, np.ndarray]:
    """Scores of the frames of a video, float16 [T, G, G, C], that can be predicted from what is before.

    Where most of a picture changes at once, prediction begins anew.
    """
    scores = _frame_scores(module, video, usual.change)
    surprise = scores[MISSED] / usual.missed + UNLIKE_WEIGHT * scores[UNLIKE] / usual.unlike
    return {SURPRISE: surprise, **scores}


def _frame_scores(module: WorldDynamics, video: np.ndarray, change: float) -> dict[str, np.ndarray]:
    limit = max(DISTURBED * change, MIN_CHANGE)
    breaks = (np.flatnonzero(_median_changes(video) > limit) + 1).tolist()
    found: dict[str, list[np.ndarray]] = {MISSED: [], UNLIKE: [], ERROR: [], BEYOND: []}
    for begin, end in itertools.pairwise([0, *breaks, len(video)]):
        frames = range(begin + SEEN_FIRST, end - AHEAD)
        if frames:
            for name, map_ in _scored(world_maps(module, video, frames, begin=begin)).items():
                found[name].append(_highest(map_))
    return {name: np.concatenate(parts) if parts else np.zeros(1) for name, parts in found.items()}


def _scored(maps: WorldMaps) -> dict[str, np.ndarray]:
    """Maps of each score, float [T, G, G].

    What was foreseen is missed where it was further from what came than stillness is. So a faint expectation that
    something will come out from behind a screen counts if nothing comes, and costs nothing if it comes. And what was
    foreseen to move can look otherwise than it did. That is an error no larger than the motion that was foreseen, so
    that things which could not be foreseen do not count.
    """
    error, still, foreseen, expected = map(
        _pooled, (maps.error, maps.still_error, maps.foreseen, maps.expected)
    )
    return {
        MISSED: error - still,
        UNLIKE: np.minimum(error, foreseen),
        ERROR: error,
        BEYOND: error - expected,
    }


def baseline_scores(videos: WorldVideos) -> dict[str, list[tuple[np.ndarray, np.ndarray]]]:
    """Scores of the frames of every pair, of what does not predict."""
    search = faiss.IndexFlatL2(_NEAREST_GRID**2 * videos.training.shape[-1])
    for video in videos.training:
        search.add(_coarse(video[::2]))
    return {
        "difference of frames, pixels": [(pair.possible_pixels, pair.other_pixels) for pair in videos.pairs],
        "difference of neighbouring cells": [
            (_changes(pair.possible), _changes(pair.other)) for pair in videos.pairs
        ],
        "nearest training frame": [
            (
                search.search(_coarse(pair.possible), 1)[0][:, 0],
                search.search(_coarse(pair.other), 1)[0][:, 0],
            )
            for pair in videos.pairs
        ],
    }


def _median_changes(video: np.ndarray) -> np.ndarray:
    """The median over cells of their mean squared change from frame to frame, float [T - 1]."""
    changes = np.diff(video.astype(np.float32), axis=0)
    medians: np.ndarray = np.median(np.square(changes).mean(axis=-1), axis=(1, 2))
    return medians


def _changes(video: np.ndarray) -> np.ndarray:
    """The mean of the highest squared changes from frame to frame, float [T - 1]."""
    changes = np.diff(video.astype(np.float32), axis=0)
    return _highest(np.square(changes).mean(axis=-1))


def _pooled(maps: np.ndarray) -> np.ndarray:
    """Means over neighbours, float [T, G, G]."""
    pooled = functional.avg_pool2d(torch.from_numpy(maps)[:, None], POOLED, 1, POOLED // 2)
    means: np.ndarray = pooled[:, 0].numpy()
    return means


def _highest(maps: np.ndarray) -> np.ndarray:
    """The mean of the `TOP_CELLS` highest of each map, float [T, G, G] to [T]."""
    means: np.ndarray = np.sort(maps.reshape(len(maps), -1), axis=1)[:, -TOP_CELLS:].mean(axis=1)
    return means


def _coarse(video: np.ndarray) -> np.ndarray:
    """Frames as means of cells on a coarse grid, float32 [T, grid * grid * C]."""
    edges = np.linspace(0, video.shape[1], _NEAREST_GRID + 1).astype(int)[:-1]
    sums = np.add.reduceat(np.add.reduceat(video.astype(np.float32), edges, axis=1), edges, axis=2)
    return np.ascontiguousarray(sums.reshape(len(video), -1))
