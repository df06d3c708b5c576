"""Videos as states, cached, and the moments in them from which the future is foreseen."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.shared.cache import key_of
from benchmarks.shared.embedder import Embedder
from indexes.files import write_atomically
from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.models.cuts import firsts_of_shots
from jepa_retrieval.models.runtime.dynamics import DynamicsModel
from jepa_retrieval.tasks.foreseeing.states import file_states

RATE = 2.0  # windows per second
SEEN = 4  # windows of a shot that are seen at least
TOLERANCE = 0.1  # seconds that a window may lie off its horizon


@dataclass(frozen=True, slots=True, eq=False)
class VideoStates:
    """The windows of one video."""

    states: np.ndarray  # float32 [W, S]
    times: np.ndarray  # float64 [W], their middles, seconds
    firsts: np.ndarray  # int [W], the first window of each one's shot


class Moment(NamedTuple):
    """A present, and the window some seconds later in the same shot."""

    video: int
    present: int  # window
    future: int


def read_videos(paths: Sequence[Path], embedder: Embedder, dynamics: DynamicsModel) -> list[VideoStates]:
    """The states of all videos that can be read, in order; the others are named in `embedder.unreadable`."""
    projection = dynamics.projection
    parts = (projection.mean.tobytes(), projection.scale.tobytes(), projection.basis.tobytes())
    folder = embedder.folder / "states" / key_of(dynamics.header.fingerprint, *parts, RATE).hex()
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for done, path in enumerate(paths, start=1):
        try:
            states, times = _kept(path, folder, embedder, dynamics)
        except UnreadableMediaError as error:
            embedder.unreadable[str(path)] = error.reason
            continue
        firsts = firsts_of_shots(states, unrelated=dynamics.calibration.unrelated)
        found.append(VideoStates(states, times, firsts))
        embedder.on_progress("videos", done, len(paths))
    return found


def moments(videos: Sequence[VideoStates], seconds: float) -> list[Moment]:
    """All moments of which a window lies `seconds` later in the same shot, and some before it are seen."""
    found = []
    for row, video in enumerate(videos):
        for present in range(SEEN - 1, len(video.states)):
            if video.firsts[present - SEEN + 1] != video.firsts[present]:
                continue
            future = int(np.abs(video.times - video.times[present] - seconds).argmin())
            off = abs(video.times[future] - video.times[present] - seconds)
            if future > present and off <= TOLERANCE and video.firsts[future] == video.firsts[present]:
                found.append(Moment(row, present, future))
    return found


def _kept(
    path: Path, folder: Path, embedder: Embedder, dynamics: DynamicsModel
) -> tuple[np.ndarray, np.ndarray]:
    try:
        status = path.stat()
    except OSError as error:
        raise UnreadableMediaError(path, error.strerror or str(error)) from error
    kept = folder / f"{key_of(path.name, status.st_size, status.st_mtime_ns).hex()}.npz"
    if kept.is_file():
        with np.load(kept, allow_pickle=False) as file:
            return file["states"], file["times"]
    seen = file_states(path, embedder.model, dynamics.projection.states, rate=RATE)
    states, times = seen.states.astype(np.float32), seen.times.mean(axis=1)
    buffer = io.BytesIO()
    np.savez(buffer, states=states, times=times)
    write_atomically(kept, buffer.getvalue(), durable=False)
    return states, times
