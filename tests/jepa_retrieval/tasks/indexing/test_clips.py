import numpy as np
import pytest

from jepa_retrieval.tasks.encoding.windows import pool_tokens
from jepa_retrieval.tasks.indexing.clips import BLOCK_WINDOWS, ClipBuilder, EncodedWindow, sound_clips


def window(index: int, direction: int, *, seconds: float = 2.0) -> EncodedWindow:
    embedding = np.eye(8, dtype=np.float32)[direction]
    tokens = np.full((3, 4), index, np.float16)
    return EncodedWindow(index * seconds, (index + 1) * seconds, embedding, tokens, b"picture %d" % index)


def build(directions: list[int]) -> list:
    builder = ClipBuilder()
    for index, direction in enumerate(directions):
        builder.add(window(index, direction))
    return builder.finish()


def test_clip_holds_times_stream_tokens_and_the_middle_picture() -> None:
    first, second = build([0, 0, 0, 1, 1])
    assert (first.start, first.end, second.start, second.end) == (0.0, 6.0, 6.0, 10.0)
    np.testing.assert_allclose(first.embedding, np.eye(8)[0])
    np.testing.assert_allclose(first.window_times, [[0, 2], [2, 4], [4, 6]])
    assert first.window_embeddings.shape == (3, 8)
    np.testing.assert_allclose(second.tokens, np.full((3, 4), 3.5))
    assert (first.thumbnail, second.thumbnail) == (b"picture 1", b"picture 4")


def test_image_has_no_times_and_no_stream() -> None:
    builder = ClipBuilder()
    builder.add(EncodedWindow(None, None, np.eye(8, dtype=np.float32)[2], None, b"picture"))
    (clip,) = builder.finish()
    assert clip.start is None
    assert clip.end is None
    assert clip.window_embeddings is None
    assert clip.tokens is None


def test_no_windows_give_no_clips() -> None:
    assert ClipBuilder().finish() == []


@pytest.mark.parametrize("extra", [0, 1, 37])
def test_long_stream_is_cut_as_if_there_were_no_blocks(extra: int) -> None:
    scene = 50
    directions = [(index // scene) % 8 for index in range(2 * BLOCK_WINDOWS + extra)]
    clips = build(directions)
    starts = [clip.start / 2.0 for clip in clips]
    assert starts == [float(first) for first in range(0, len(directions), scene)]


@pytest.mark.parametrize(
    ("duration", "intervals"),
    [
        (0.5, [(0, 0.5)]),
        (30.000000000000004, [(0, 30)]),  # as sums of time stamps may end
        (60.5, [(0, 30), (30, 60), (60, 60.5)]),
    ],
)
def test_sound_is_cut_into_clips_of_thirty_seconds_and_none_is_empty(
    duration: float, intervals: list[tuple[float, float]]
) -> None:
    assert [(clip.start, clip.end) for clip in sound_clips(duration, 4)] == intervals


def test_pool_tokens_averages_neighbours() -> None:
    tokens = np.arange(12, dtype=np.float32).reshape(6, 2)
    np.testing.assert_allclose(pool_tokens(tokens, limit=3), [[1, 2], [5, 6], [9, 10]])
    np.testing.assert_allclose(pool_tokens(tokens, limit=4).mean(axis=1).min(), 0.5)
    assert pool_tokens(tokens, limit=6) is tokens
