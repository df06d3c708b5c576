"""Videos of one scene as cells, cached: what anomalies are looked for in."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.shared.cache import key_of
from indexes.files import write_atomically
from jepa_retrieval.media import DecodeRequest, decode_windows
from jepa_retrieval.models.dynamics_files import Projection
from jepa_retrieval.models.fingerprint import fingerprint_of_x_encoder
from jepa_retrieval.models.runtime.cells import GraphCells
from jepa_retrieval.models.runtime.model import RuntimeModel
from jepa_retrieval.training.dynamics import fit_projection

logger = logging.getLogger(__name__)

CHANNELS = 16  # principal components of a cell
GREY_SIDE = 2  # pixels that are averaged for the difference of frames
_FITTED_FRAMES = 20  # of each training video that the projection is fitted to
_FORMAT = 2  # of the cached files

Tell = Callable[[int, int], None]  # how many are done, of how many


@dataclass(frozen=True, slots=True, eq=False)
class SceneVideo:
    """The frames of one video."""

    cells: np.ndarray  # float16 [T, G, G, C]
    pixel_change: np.ndarray  # float32 [T], mean absolute difference from the frame before


def read_scene(
    model: RuntimeModel,
    training: Sequence[Path],
    tests: Sequence[Path],
    rate: float,
    *,
    cache: Path,
    tell: Tell,
) -> tuple[list[SceneVideo], list[SceneVideo]]:
    """Training and test videos as cells, projected onto the principal directions of the training cells.

    Args:
        model: whose X-Encoder's first stages make the cells.
        training: videos that the directions are fitted to.
        tests: other videos of the scene.
        rate: frames per second.
        cache: folder in which the cells of each video are kept: a run that was killed continues with them.
        tell: is called after every video.

    Raises:
        UsageError: the model has no early feature maps.
        UnreadableMediaError: a video cannot be decoded.
    """
    encoder = GraphCells(model)
    scene = key_of("scene", _FORMAT, fingerprint_of_x_encoder(model.config), rate, *map(_file_key, training))
    folder = cache / "cells" / scene.hex()
    folder.mkdir(parents=True, exist_ok=True)
    projection: Projection | None = None
    found: list[SceneVideo] = []
    paths = [*training, *tests]
    for number, path in enumerate(paths, start=1):
        kept = folder / f"{key_of(_file_key(path)).hex()}.npz"
        video = _cached(kept)
        if video is None:
            projection = projection or _projection(encoder, training)
            video = _read(path, encoder, rate, projection)
            buffer = io.BytesIO()
            np.savez(buffer, cells=video.cells, pixel_change=video.pixel_change)
            write_atomically(kept, buffer.getvalue(), durable=False)
        found.append(video)
        tell(number, len(paths))
    return found[: len(training)], found[len(training) :]


def _file_key(path: Path) -> str:
    status = path.stat()
    return f"{path.name} {status.st_size} {status.st_mtime_ns}"


def _cached(path: Path) -> SceneVideo | None:
    """What an earlier run stored; None if there is nothing, or it cannot be read."""
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            return SceneVideo(file["cells"], file["pixel_change"])
    except (OSError, ValueError, KeyError, EOFError) as error:
        logger.warning("%s cannot be read (%s); the video is encoded again", path, error)
        return None


def _frames(path: Path, side: int, rate: float) -> Iterator[np.ndarray]:
    """All frames of a video, uint8 [T, side, side, 3], a few seconds at a time."""
    request = DecodeRequest(
        path,
        image_size=side,
        sampling=rate,
        frames_per_window=max(1, round(2 * rate)),
        thumbnails=False,
        hash_content=False,
    )
    for window in decode_windows(request):
        yield window.frames


def _projection(encoder: GraphCells, training: Sequence[Path]) -> Projection:
    """Principal directions of training cells."""
    sample = []
    for path in training:
        frames = np.concatenate(list(_frames(path, encoder.image_size, 1.0)))
        cells = encoder.encode(frames[:: max(1, len(frames) // _FITTED_FRAMES)])
        sample.append(cells.reshape(-1, cells.shape[-1])[::7])
    return fit_projection(sample, CHANNELS, np.random.default_rng(0))


def _read(path: Path, encoder: GraphCells, rate: float, projection: Projection) -> SceneVideo:
    cells, grey = [], []
    for frames in _frames(path, encoder.image_size, rate):
        cells.append(projection.states(encoder.encode(frames)).astype(np.float16))
        grey.append(frames[:, ::GREY_SIDE, ::GREY_SIDE].mean(axis=3))
    pictures = np.concatenate(grey)
    changes = np.abs(np.diff(pictures, axis=0)).mean(axis=(1, 2))
    return SceneVideo(np.concatenate(cells), np.concatenate([changes[:1], changes]).astype(np.float32))
