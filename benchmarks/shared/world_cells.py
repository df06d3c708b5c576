"""Generated worlds as cells of an X-Encoder's first stages, cached."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.datasets.shapes import GeneratedPair
from benchmarks.shared.cache import key_of
from benchmarks.shared.worlds import FRAMES, SIDE, possible_video, world_pair
from indexes.files import write_atomically
from jepa_retrieval.models.dynamics_files import Projection
from jepa_retrieval.models.fingerprint import fingerprint_of_x_encoder
from jepa_retrieval.models.runtime.cells import TILES, GraphCells
from jepa_retrieval.models.runtime.model import RuntimeModel
from jepa_retrieval.training.dynamics import fit_projection

CHANNELS = 16  # principal components of a cell
POOLED = 2  # cells per side that become one
FITTED_WORLDS = 24
_FORMAT = 1  # of the cached files

Tell = Callable[[int, int], None]  # how many are done, of how many


@dataclass(frozen=True, slots=True, eq=False)
class PairCells:
    """A pair of videos as cells, float16 [T, G, G, C], and their mean changes of pixels, float32 [T - 1]."""

    kind: str
    possible: np.ndarray
    other: np.ndarray
    possible_pixels: np.ndarray
    other_pixels: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class WorldVideos:
    """Possible worlds to learn from, float16 [V, T, G, G, C], and pairs to test."""

    training: np.ndarray
    pairs: list[PairCells]


def read_worlds(
    model: RuntimeModel, training: int, pairs: Sequence[GeneratedPair], *, cache: Path, tell: Tell
) -> WorldVideos:
    """Make, encode and cache `training` possible worlds, of the seeds from 0 on, and the pairs.

    Raises:
        UsageError: the model has no early feature maps.
    """
    folder = cache / "worlds" / key_of(_FORMAT, fingerprint_of_x_encoder(model.config)).hex()
    folder.mkdir(parents=True, exist_ok=True)
    encoder = _Encoder(model)
    total = training + len(pairs)
    videos = []
    for row in range(training):
        make = partial(_possible, encoder, row)
        (cells,) = _kept(folder / f"possible-{row}.npz", ("cells",), make)
        videos.append(cells)
        tell(row + 1, total)
    found = []
    for number, pair in enumerate(pairs, start=training + 1):
        names = ("possible", "other", "possible_pixels", "other_pixels")
        made = _kept(folder / f"{pair.kind}-{pair.seed}.npz", names, partial(_encode, encoder, pair))
        found.append(PairCells(pair.kind, *made))
        tell(number, total)
    return WorldVideos(np.stack(videos), found)


def _kept(path: Path, names: Sequence[str], make: Callable[[], list[np.ndarray]]) -> list[np.ndarray]:
    """The arrays of a file, which is made if it is not there."""
    if path.is_file():
        with np.load(path, allow_pickle=False) as file:
            return [file[name] for name in names]
    made = make()
    buffer = io.BytesIO()
    named: dict[str, Any] = dict(zip(names, made, strict=True))
    np.savez(buffer, **named)
    write_atomically(path, buffer.getvalue(), durable=False)
    return made


def _possible(encoder: _Encoder, row: int) -> list[np.ndarray]:
    return [encoder(possible_video([0, row]))]


def _encode(encoder: _Encoder, wanted: GeneratedPair) -> list[np.ndarray]:
    pair = world_pair(wanted.kind, wanted.seed)
    possible = encoder(pair.possible)
    other = possible.copy()
    differs = (pair.possible != pair.other).any(axis=(1, 2, 3))
    if differs.any():
        other[differs] = encoder(pair.other[differs])
    return [possible, other, _pixel_changes(pair.possible), _pixel_changes(pair.other)]


def _pixel_changes(video: np.ndarray) -> np.ndarray:
    changes: np.ndarray = np.abs(np.diff(video.astype(np.float32), axis=0)).mean(axis=(1, 2, 3))
    return changes


class _Encoder:
    """Frames, uint8 [T, SIDE, SIDE, 3], to cells, float16 [T, G, G, C]; four at a time, as tiles of one picture."""

    def __init__(self, model: RuntimeModel) -> None:
        self._graph = GraphCells(model)
        self._tile = self._graph.image_size // TILES
        self._projection: Projection | None = None

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        if self._projection is None:
            shown = [self._cells(possible_video([0, row])[:: FRAMES // 5]) for row in range(FITTED_WORLDS)]
            sample = [cells.reshape(-1, cells.shape[-1])[::3] for cells in shown]
            self._projection = fit_projection(sample, CHANNELS, np.random.default_rng(0))
        states: np.ndarray = self._projection.states(self._cells(frames)).astype(np.float16)
        return states

    def _cells(self, frames: np.ndarray) -> np.ndarray:
        count, times = len(frames), self._tile // SIDE
        padded = np.concatenate([frames, frames[-1:].repeat(-count % TILES**2, axis=0)])
        tiles = padded.repeat(times, axis=1).repeat(times, axis=2)
        side = times * SIDE
        pictures = tiles.reshape(-1, TILES, TILES, side, side, 3).transpose(0, 1, 3, 2, 4, 5)
        found = self._graph.encode(np.ascontiguousarray(pictures.reshape(-1, TILES * side, TILES * side, 3)))
        grid, channels = found.shape[1] // TILES, found.shape[-1]
        maps = found.reshape(-1, TILES, grid, TILES, grid, channels).transpose(0, 1, 3, 2, 4, 5)
        return _pooled(maps.reshape(-1, grid, grid, channels)[:count])


def _pooled(cells: np.ndarray) -> np.ndarray:
    """Means of `POOLED` x `POOLED` cells; the last row and column are repeated where one is left over."""
    count, grid, _, channels = cells.shape
    missing = -grid % POOLED
    padded = np.pad(cells, ((0, 0), (0, missing), (0, missing), (0, 0)), mode="edge")
    side = (grid + missing) // POOLED
    means: np.ndarray = padded.reshape(count, side, POOLED, side, POOLED, channels).mean(axis=(2, 4))
    return means
