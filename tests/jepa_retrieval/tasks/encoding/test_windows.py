"""What a frame-wise X-Encoder looks at."""

import numpy as np

from jepa_retrieval.media import MediaWindow
from jepa_retrieval.tasks.encoding.windows import centre_crop, views

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
