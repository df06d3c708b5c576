"""Surprise: where a video goes another way than its states so far lead one to expect.

The surprise of a window is the distance between what was predicted and what came, divided by the distance that was
expected there. It is given as a robust z-score, (s - median) / (1.4826 MAD), within the file or the index. Windows
after a cut have no prediction: a cut is no surprise, it is listed on its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from indexes import Index
from jepa_retrieval.arguments import as_count
from jepa_retrieval.media.types import ReadReport
from jepa_retrieval.models.cuts import Cuts, distances, find_cuts
from jepa_retrieval.models.parts import Model
from jepa_retrieval.models.runtime.dynamics import DynamicsModel
from jepa_retrieval.source_paths import url_of
from jepa_retrieval.tasks.foreseeing.states import DEFAULT_RATE, StoredStates, file_states, stored_states

DEFAULT_MIN_Z = 3.0
MIN_SPREAD = 0.1  # of the median: where all windows are alike, a tiny difference is no surprise


@dataclass(frozen=True, slots=True)
class Surprise:
    """An interval that was not foreseen."""

    path: str
    start: float  # seconds
    end: float
    z: float  # robust z-score of its most surprising window
    raw: float  # distance there between what was predicted and what came, in standard deviations of states
    clip_id: int | None = None  # of an index


@dataclass(frozen=True, slots=True)
class FileSurprise:
    """What is surprising in one video."""

    path: str
    model: str
    surprises: list[Surprise]  # the greatest first
    curve: list[
        tuple[float, float | None]
    ]  # start of each window, and its z; None where nothing was predicted
    cuts: list[float]  # seconds
    flashes: list[float]  # windows that differ from both neighbours, which resemble each other
    partial: str | None = None  # what of the file could not be read; None if nothing is missing
    warnings: tuple[str, ...] = ()  # harmless problems of the file, one sentence each


@dataclass(frozen=True, slots=True)
class IndexSurprise:
    """The most unusual moments of an index."""

    index: str
    model: str
    clips: int  # that were predicted and compared
    surprises: list[Surprise]  # the greatest first


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """The surprise of W windows or clips of one video."""

    raw: np.ndarray  # float32 [W], distance from what was predicted; NaN where nothing was
    relative: np.ndarray  # float32 [W], the same divided by the expected distance
    cuts: list[int]  # rows that begin a new shot
    flashes: list[int]


def score_states(states: np.ndarray, times: np.ndarray, dynamics: DynamicsModel) -> Scores:
    """Compare every state, float32 [W, S], with what those before it in its shot predict.

    Args:
        states: in order of time.
        times: float [W, 2], start and end of each, seconds.
        dynamics: predicts.
    """
    return score_videos([(states, times)], dynamics)[0]


def score_videos(videos: Sequence[tuple[np.ndarray, np.ndarray]], dynamics: DynamicsModel) -> list[Scores]:
    """`score_states` of many videos, each its states and times, at once: that is faster than one by one."""
    cuts = [find_cuts(states, unrelated=dynamics.calibration.unrelated) for states, _ in videos]
    scores, shots = [], []
    for number, (states, _) in enumerate(videos):
        empty = np.full(len(states), np.nan, np.float32)
        scores.append(Scores(empty, empty.copy(), cuts[number].starts, cuts[number].flashes))
        shots += [(number, rows) for rows in _shots(len(states), cuts[number]) if len(rows) > 1]
    sequences = [(videos[number][0][rows], videos[number][1][rows].mean(axis=1)) for number, rows in shots]
    floor = MIN_SPREAD * dynamics.calibration.neighbours
    for (number, rows), (states, _), foreseen in zip(
        shots, sequences, dynamics.next_states_of(sequences), strict=True
    ):
        far = distances(foreseen.states, states[1:])
        scores[number].raw[rows[1:]] = far
        scores[number].relative[rows[1:]] = far / np.maximum(foreseen.expected, floor)
    return scores


def _shots(count: int, cuts: Cuts) -> list[np.ndarray]:
    """The rows of each shot of a video of `count` states, without flashes."""
    disturbed = np.zeros(count, bool)
    disturbed[cuts.flashes] = True
    return [
        np.arange(first, last)[~disturbed[first:last]]
        for first, last in itertools.pairwise([0, *cuts.starts, count])
    ]


def robust_z(values: np.ndarray) -> np.ndarray:
    """(s - median) / (1.4826 MAD) of what is not NaN, float [W]; the spread is at least a share of the median."""
    known = values[~np.isnan(values)]
    if not len(known):
        return values
    median = float(np.median(known))
    spread = 1.4826 * float(np.median(np.abs(known - median)))
    z: np.ndarray = (values - median) / max(spread, MIN_SPREAD * abs(median), 1e-6)
    return z


def surprise_of_file(
    path: Path,
    model: Model,
    dynamics: DynamicsModel,
    *,
    top: int = 10,
    min_z: float = DEFAULT_MIN_Z,
    rate: float = DEFAULT_RATE,
) -> FileSurprise:
    """The intervals of a video that were not foreseen.

    Args:
        path: the video.
        model: its X-Encoder makes the states.
        dynamics: predicts them.
        top: at most so many intervals.
        min_z: only windows with this z-score or more.
        rate: windows per second.

    Raises:
        UnreadableMediaError: the file cannot be decoded.
        UsageError: it is a picture.
    """
    as_count("top", top)
    report = ReadReport()
    seen = file_states(path, model, dynamics.projection.states, rate=rate, report=report)
    scores = score_states(seen.states, seen.times, dynamics)
    return file_surprise(
        path,
        model.name,
        seen.times,
        scores.raw,
        robust_z(scores.relative),
        Cuts(scores.cuts, scores.flashes),
        top=top,
        min_z=min_z,
        report=report,
    )


def file_surprise(
    path: Path,
    model: str,
    times: np.ndarray,
    raw: np.ndarray,
    z: np.ndarray,
    cuts: Cuts,
    *,
    top: int,
    min_z: float,
    report: ReadReport,
) -> FileSurprise:
    """What W scored windows of a video show: neighbours that reach `min_z` are joined, the greatest come first.

    Args:
        path: the video.
        model: its name.
        times: float [W, 2], start and end of each window, seconds.
        raw: float [W], NaN where nothing was predicted.
        z: float [W].
        cuts: rows.
        top: at most so many intervals.
        min_z: only windows with this z-score or more.
        report: what of the file could not be read.
    """
    surprises = [
        Surprise(
            url_of(path),
            _rounded(times[rows[0], 0]),
            _rounded(times[rows[-1], 1]),
            float(z[best]),
            float(raw[best]),
        )
        for rows in _intervals(z, min_z)
        for best in [max(rows, key=lambda row: float(z[row]))]
    ]
    starts = times[:, 0]
    return FileSurprise(
        url_of(path),
        model,
        sorted(surprises, key=lambda one: -one.z)[:top],
        [
            (_rounded(start), None if np.isnan(value) else float(value))
            for start, value in zip(starts, z, strict=True)
        ],
        [_rounded(starts[row]) for row in cuts.starts],
        [_rounded(starts[row]) for row in cuts.flashes],
        "; ".join(report.partial) or None,
        tuple(report.warnings),
    )


def surprise_of_index(
    index: Index,
    dynamics: DynamicsModel,
    *,
    top: int = 10,
    min_z: float = DEFAULT_MIN_Z,
    where: str | None = None,
) -> IndexSurprise:
    """The most unusual clips of an index, from its stored tokens alone.

    Args:
        index: whose clips.
        dynamics: predicts their states.
        top: at most so many clips.
        min_z: only clips with this z-score, over all clips, or more.
        where: SQL over the clips' columns: only those.

    Raises:
        UsageError: the index keeps no tokens.
        FilterError: `where` is not valid.
    """
    as_count("top", top)
    videos = stored_states(index, dynamics.projection.states, where=where)
    scores = score_videos([(video.states, video.times) for video in videos], dynamics)
    everything = np.concatenate([one.relative for one in scores]) if scores else np.zeros(0, np.float32)
    z = robust_z(everything)
    found = _unusual(videos, scores, z, top, min_z)
    return IndexSurprise(str(index.folder), index.manifest.model, int((~np.isnan(everything)).sum()), found)


def _unusual(
    videos: Sequence[StoredStates], scores: Sequence[Scores], z: np.ndarray, top: int, min_z: float
) -> list[Surprise]:
    places = [(video, row) for video, rows in enumerate(scores) for row in range(len(rows.raw))]
    order = np.argsort(-np.nan_to_num(z, nan=-np.inf), kind="stable")
    found = []
    for at in order[:top].tolist():
        if not z[at] >= min_z:
            break
        number, row = places[at]
        video = videos[number]
        start, end = video.times[row]
        raw = float(scores[number].raw[row])
        found.append(
            Surprise(video.path, _rounded(start), _rounded(end), float(z[at]), raw, int(video.clip_ids[row]))
        )
    return found


def _intervals(z: np.ndarray, min_z: float) -> list[list[int]]:
    """Rows of windows that follow each other and reach `min_z`."""
    groups: list[list[int]] = []
    for row in np.flatnonzero(np.nan_to_num(z, nan=-np.inf) >= min_z).tolist():
        if groups and row - groups[-1][-1] == 1:
            groups[-1].append(row)
        else:
            groups.append([row])
    return groups


def _rounded(seconds: float) -> float:
    return round(float(seconds), 6)
