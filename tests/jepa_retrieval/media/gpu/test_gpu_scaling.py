"""Frames scaled by products of matrices, as on a GPU, next to what the CPU's libraries make of them."""

import numpy as np
import pytest
import torch
from av import VideoFrame
from hypothesis import given
from hypothesis import strategies as st

from jepa_retrieval.media.gpu.scaling import centre_crop, in_bt709, scale, weights
from jepa_retrieval.media.video import other_decoders
from jepa_retrieval.media.video.frames import Scaler
from jepa_retrieval.tasks.encoding import windows


def scene(height: int, width: int) -> np.ndarray:
    """A picture with soft and hard edges, uint8 [H, W, 3]."""
    y, x = np.mgrid[:height, :width] / 12
    waves = np.stack([np.sin(x), np.cos(y), np.sin(x * y / 9)], axis=2)
    picture = (127 + 100 * waves).astype(np.uint8)
    picture[height // 3 : height // 2, width // 4 : width // 2] = (250, 10, 90)
    return picture


@pytest.mark.parametrize("size", [(60, 40), (77, 31), (200, 150), (90, 150)])
def test_frames_are_scaled_as_by_libav(size: tuple[int, int]) -> None:
    picture = scene(108, 144)
    expected = Scaler(size, None)(VideoFrame.from_ndarray(picture, format="rgb24"))
    (found,) = scale(torch.from_numpy(picture)[None], size).numpy()
    assert found.shape == expected.shape
    difference = np.abs(found.astype(int) - expected)
    assert difference.mean() < 1.5


def test_a_centre_is_enlarged_as_by_pillow() -> None:
    frames = np.stack([scene(64, 64), scene(64, 64)[::-1]])
    found = centre_crop(torch.from_numpy(frames.copy()), 0.7).numpy()
    assert np.abs(found.astype(int) - windows.centre_crop(frames, 0.7)).max() <= 2


def test_colours_are_corrected_as_on_the_cpu() -> None:
    picture = scene(40, 50)
    found = in_bt709(torch.from_numpy(picture)).numpy()
    assert np.abs(found.astype(int) - other_decoders._in_bt709(picture)).max() <= 1


@given(source=st.integers(1, 300), target=st.integers(1, 300))
def test_every_pixel_counts_alike(source: int, target: int) -> None:
    found = weights(source, target, "area").astype(float)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    assert found.min() >= 0
    if source >= target:
        np.testing.assert_allclose(found.sum(axis=0), target / source, atol=1e-5)
