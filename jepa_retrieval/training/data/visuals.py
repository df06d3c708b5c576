"""Visuals to frames for the X-Encoder, and the augmented views of them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media import DecodeRequest, probe, read_windows
from jepa_retrieval.media.frame_fit import SQUEEZE, Fit
from jepa_retrieval.models.config import XEncoderConfig
from jepa_retrieval.training.data.examples import Visual
from jepa_retrieval.training.data.shards import read_member


def fit_of_config(config: XEncoderConfig) -> Fit:
    """How pictures become square for an X-Encoder in training: one square of each, also of long ones."""
    return Fit(
        config.frame_fit, short_side=config.short_side, interpolation=config.interpolation, single_crop=True
    )


def load_frames(visual: Visual, *, image_size: int, frames: int, fit: Fit = SQUEEZE) -> np.ndarray:
    """Uniformly sampled frames, uint8 [frames, image_size, image_size, 3] RGB.

    Pictures and clips with fewer frames are repeated to fill them, as in the paper. Raises UnreadableMediaError.
    """
    if not visual.member:
        return _read(Path(visual.path), visual, image_size, frames, fit)
    data = read_member(visual.path, visual.member)
    return frames_of_bytes(data, visual, image_size=image_size, frames=frames, fit=fit)


def frames_of_bytes(
    data: bytes, visual: Visual, *, image_size: int, frames: int, fit: Fit = SQUEEZE
) -> np.ndarray:
    """As `load_frames`, of a medium whose file has been read."""
    with tempfile.NamedTemporaryFile(suffix=Path(visual.member).suffix) as file:
        file.write(data)
        file.flush()
        return _read(Path(file.name), visual, image_size, frames, fit)


def _read(path: Path, visual: Visual, image_size: int, frames: int, fit: Fit) -> np.ndarray:
    info = probe(path)
    start = visual.start or 0.0
    end = visual.end if visual.end is not None else info.duration
    # Without a known length the whole file is read as one long window at one frame a second.
    length = end - start if end is not None else 3600.0
    if length <= 0:
        raise UnreadableMediaError(visual.name, f"there is nothing between {start:g} s and {end:g} s")
    request = DecodeRequest(
        path,
        image_size=image_size,
        fit=fit,
        window=length,
        sampling=frames / length if end is not None else 1.0,
        frames_per_window=frames if end is not None else 3600,
        start=visual.start,
        end=visual.end,
        thumbnails=False,
    )
    found = [window.frames for window in read_windows(request)]
    if not found:
        raise UnreadableMediaError(visual.name, "no frame could be decoded")
    pictures = np.concatenate(found)
    # Rounding at the end of a video may leave a frame too many, a short one has too few: spread what there is.
    return pictures[np.floor((np.arange(frames) + 0.5) * len(pictures) / frames).astype(int)]


def augment(frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One random view, the same for all frames: uint8 [T, S, S, 3] to the same shape.

    A crop of 45% to 100% of the area and of 3:4 to 4:3, squeezed back to the square; mirrored half the time;
    brightness and contrast changed by up to a fifth.
    """
    from PIL import Image

    size = frames.shape[1]
    area, ratio = rng.uniform(0.45, 1.0), float(np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3))))
    width = min(size, round(size * float(np.sqrt(area * ratio))))
    height = min(size, round(size * float(np.sqrt(area / ratio))))
    left, top = int(rng.integers(size - width + 1)), int(rng.integers(size - height + 1))
    box = (left, top, left + width, top + height)
    mirrored = rng.random() < 0.5
    brightness, contrast = rng.uniform(0.8, 1.2, 2)
    views = [
        np.asarray(
            Image.fromarray(frame).resize((size, size), Image.Resampling.BICUBIC, box=box), dtype=np.float32
        )
        for frame in frames
    ]
    view = np.stack(views) * brightness
    mean = view.mean()
    view = np.clip((view - mean) * contrast + mean, 0, 255).astype(np.uint8)
    return view[:, :, ::-1] if mirrored else view
