"""What a frame-wise X-Encoder looks at."""

import numpy as np
import pytest
import torch

from jepa_retrieval.media import MediaWindow
from jepa_retrieval.media.types import GpuWindow
from jepa_retrieval.tasks.encoding.windows import WindowEncoder, centre_crop, fit_of, views
from tests.jepa_retrieval.tasks.colour_model import ColourModel

RED, BLUE = (200, 0, 0), (0, 0, 200)


def framed(size: int = 40) -> np.ndarray:
    """A blue picture with a red middle of half its side."""
    picture = np.full((size, size, 3), BLUE, dtype=np.uint8)
    picture[size // 4 : -size // 4, size // 4 : -size // 4] = RED
    return picture


def test_the_middle_fills_the_frame() -> None:
    seen = centre_crop(framed()[np.newaxis], 0.5)
    assert seen.shape == (1, 40, 40, 3)
    assert np.abs(seen[0, 4:-4, 4:-4].astype(int) - RED).max() < 5


def test_a_photograph_is_seen_whole_and_in_its_middle() -> None:
    window = MediaWindow(None, None, np.zeros(1), framed()[np.newaxis])
    seen = views(window, centre=0.5)
    assert len(seen) == 2
    assert np.array_equal(seen[0], framed())
    assert np.array_equal(seen[1:], centre_crop(window.frames, 0.5))


def test_every_second_frame_of_a_video_is_seen_in_its_middle() -> None:
    frames = np.stack([framed()] * 3)
    seen = views(MediaWindow(0.0, 2.0, np.arange(3.0), frames), centre=0.5)
    assert np.array_equal(seen[[0, 2]], frames[[0, 2]])
    assert np.array_equal(seen[1:2], centre_crop(frames[1:2], 0.5))


def test_without_a_middle_frames_stay_as_they_are() -> None:
    frames = framed()[np.newaxis]
    assert views(MediaWindow(None, None, np.zeros(1), frames), centre=0.0) is frames


@pytest.mark.parametrize("framewise", [True, False])
def test_the_crops_of_a_window_count_alike(framewise: bool) -> None:
    model = ColourModel(framewise=framewise)
    frames = [np.full((2, 8, 8, 3), colour, dtype=np.uint8) for colour in (RED, BLUE, BLUE)]
    several = MediaWindow(0.0, 2.0, np.arange(2.0), np.concatenate(frames), crops=3)
    alone = [MediaWindow(0.0, 2.0, np.arange(2.0), crop) for crop in frames]
    encoder = WindowEncoder(model)
    tokens = encoder.encode_tokens([several, *alone])
    assert tokens.shape[0] == 4
    np.testing.assert_allclose(tokens[0], tokens[1:].mean(axis=0), atol=1e-6)


@pytest.mark.parametrize("framewise", [True, False])
def test_frames_on_a_gpu_are_encoded_as_those_in_memory(framewise: bool) -> None:
    model = ColourModel(framewise=framewise)
    model.centre = 0.5
    frames = [np.full((count, 8, 8, 3), colour, dtype=np.uint8) for count, colour in ((3, RED), (2, BLUE))]
    in_memory = [MediaWindow(0.0, 2.0, np.arange(len(crop)), crop) for crop in frames]
    on_gpu = [GpuWindow(0.0, 2.0, window.times, torch.from_numpy(window.frames)) for window in in_memory]
    given: list[object] = []

    class TensorModel(ColourModel):
        centre = 0.5

        def encode(self, frames: object) -> np.ndarray:
            given.append(frames)
            return super().encode(np.asarray(frames))

    expected = WindowEncoder(model).encode_tokens(in_memory)
    for mixed in (on_gpu, [in_memory[0], on_gpu[1]]):
        found = WindowEncoder(TensorModel(framewise=framewise)).encode_tokens(mixed)
        np.testing.assert_allclose(found, expected, atol=2)
    assert all(isinstance(frames, torch.Tensor) for frames in given)


def test_a_model_says_how_its_pictures_become_square() -> None:
    model = ColourModel()
    assert fit_of(model).mode == "squeeze" and not fit_of(model).single_crop
    assert fit_of(model, single_crop=True).single_crop
