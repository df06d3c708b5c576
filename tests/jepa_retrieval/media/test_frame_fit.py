"""Pictures of any shape become squares: whole, or the parts that each way says, and always upright."""

import io
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from jepa_retrieval.errors import UsageError
from jepa_retrieval.media.frame_fit import MAX_SINGLE_CROP_ASPECT, Fit, FrameFit
from jepa_retrieval.media.streams.reader import StreamReader
from jepa_retrieval.media.streams.source import StreamSource
from jepa_retrieval.media.streams.types import StreamRequest
from jepa_retrieval.media.types import MediaWindow
from tests.jepa_retrieval.media.conftest import SIZE, Read

LEFT, MIDDLE, RIGHT = (220, 30, 30), (30, 220, 30), (30, 30, 220)
modes = st.sampled_from(["squeeze", "crop", "pad"])
sides = st.integers(1, 5000)


def striped(width: int, height: int, *, edge: float = 1 / 3) -> Image.Image:
    """A picture of three upright stripes; the first and the last have the share `edge` of its width."""
    picture = np.full((height, width, 3), MIDDLE, dtype=np.uint8)
    picture[:, : round(edge * width)] = LEFT
    picture[:, -round(edge * width) :] = RIGHT
    return Image.fromarray(picture)


def still_video(path: Path, picture: Image.Image, *, seconds: float = 2.0, rotation: int = 0) -> Path:
    """A video that shows one picture; a player must turn it by `rotation` degrees clockwise."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height = picture.size
        stream.pix_fmt = "yuv420p"
        if rotation:
            stream.set_display_rotation(-rotation)
        for _ in range(round(25 * seconds)):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")))
        container.mux(stream.encode())
    return path


def colours(frame: np.ndarray) -> list[tuple[int, ...]]:
    """What the middle row shows near its left end, in its middle and near its right end."""
    row = frame[len(frame) // 2]
    known = np.array([LEFT, MIDDLE, RIGHT, (0, 0, 0)])
    places = (2, len(row) // 2, len(row) - 3)
    return [tuple(known[np.abs(known - row[x]).sum(axis=1).argmin()].tolist()) for x in places]


@given(
    mode=modes,
    width=sides,
    height=sides,
    size=st.integers(8, 64),
    more=st.integers(0, 20),
    single=st.booleans(),
)
def test_squares_come_out_of_every_shape(
    mode: FrameFit, width: int, height: int, size: int, more: int, single: bool
) -> None:
    fit = Fit(mode, short_side=size + more, single_crop=single)
    scaled = fit.scaled_size(size, width, height)
    picture = np.full((scaled[1], scaled[0], 3), 7, dtype=np.uint8)
    squares = fit.squares([picture, picture], size)
    count = fit.crops(picture)
    assert squares.shape == (2 * count, size, size, 3)
    assert 1 <= count <= 8
    if mode == "crop":
        assert min(scaled) == size + more and (squares == 7).all()
        assert count == 1 or (max(scaled) > MAX_SINGLE_CROP_ASPECT * min(scaled) and not single)
    if mode == "pad":
        assert max(scaled) == size and (squares == 7).any()


@given(mode=modes, width=sides, height=sides)
def test_a_turned_picture_has_the_turned_size(mode: FrameFit, width: int, height: int) -> None:
    fit = Fit(mode)
    assert fit.scaled_size(32, width, height) == fit.scaled_size(32, height, width)[::-1]


@pytest.mark.parametrize(
    ("mode", "seen"),
    [
        ("squeeze", [[LEFT, MIDDLE, RIGHT]]),
        ("pad", [[LEFT, MIDDLE, RIGHT]]),
        ("crop", [[MIDDLE, MIDDLE, MIDDLE]]),
    ],
)
@pytest.mark.parametrize("kind", ["png", "jpg", "turned.jpg", "gif", "mp4", "turned.mp4", "stream.mp4"])
def test_every_reader_fits_alike(
    tmp_path: Path, read: Read, kind: str, mode: FrameFit, seen: list[list[tuple[int, ...]]]
) -> None:
    """Of 16:9 pictures."""
    picture = striped(320, 180, edge=0.2)
    path = tmp_path / f"a.{kind.rpartition('.')[2]}"
    lying = picture.transpose(Image.Transpose.ROTATE_90)  # to be turned by 90 degrees clockwise
    if kind == "turned.jpg":
        exif = Image.Exif()
        exif[0x0112] = 6
        lying.save(path, quality=95, exif=exif)
    elif kind == "gif":
        other = picture.copy()
        other.putpixel((0, 0), (255, 255, 255))
        picture.save(path, save_all=True, append_images=[other], duration=1000)
    elif kind == "turned.mp4":
        still_video(path, lying, rotation=90)
    elif kind.endswith("mp4"):
        still_video(path, picture)
    else:
        picture.save(path, quality=95)
    if kind.startswith("stream"):
        request = StreamRequest(StreamSource("file", str(path)), SIZE, Fit(mode), thumbnails=True)
        with StreamReader(request) as reader:
            windows = [event for event in reader if isinstance(event, MediaWindow)]
    else:
        windows = read(path, fit=Fit(mode))
    window = windows[0]
    assert window.crops == 1 and window.frames.shape[1:] == (SIZE, SIZE, 3)
    assert [colours(window.frames[0])] == seen
    assert window.thumbnail is not None
    shown = np.asarray(Image.open(io.BytesIO(window.thumbnail)))
    assert shown.shape[:2] == (144, 256) and colours(shown) == [LEFT, MIDDLE, RIGHT]


@pytest.mark.parametrize("tall", [False, True])
def test_of_a_long_picture_several_squares_are_cut_and_nothing_is_lost(
    tmp_path: Path, read: Read, tall: bool
) -> None:
    picture = striped(900, 300)
    (picture.transpose(Image.Transpose.ROTATE_270) if tall else picture).save(tmp_path / "a.png")
    (window,) = read(tmp_path / "a.png", fit=Fit("crop"))
    assert window.crops == 3 and len(window.times) == 1
    frames = window.by_crop()[:, 0]
    assert [colours(frame)[1] for frame in frames] == [LEFT, MIDDLE, RIGHT]
    (single,) = read(tmp_path / "a.png", fit=Fit("crop", single_crop=True))
    assert single.crops == 1 and np.array_equal(single.frames, frames[1:2])


def test_crops_of_a_video_come_crop_by_crop(tmp_path: Path, read: Read) -> None:
    still_video(tmp_path / "a.mp4", striped(384, 128))
    (window,) = read(tmp_path / "a.mp4", fit=Fit("crop"), sampling=2.0)
    assert window.crops == 3 and window.frames.shape[0] == 3 * len(window.times) == 12
    assert [colours(clip[-1])[1] for clip in window.by_crop()] == [LEFT, MIDDLE, RIGHT]


def test_a_larger_short_side_shows_less_of_the_edges(tmp_path: Path, read: Read) -> None:
    picture = np.zeros((300, 300, 3), dtype=np.uint8)
    picture[15:-15, 15:-15] = 255  # a black frame of a twentieth of each side
    Image.fromarray(picture).save(tmp_path / "a.png")
    (whole,) = read(tmp_path / "a.png", fit=Fit("crop"))
    (closer,) = read(tmp_path / "a.png", fit=Fit("crop", short_side=SIZE * 256 // 224))
    assert whole.frames.min() < 5
    assert closer.frames.min() > 250


@pytest.mark.parametrize("options", [{"mode": "stretch"}, {"interpolation": "nearest"}, {"short_side": -1}])
def test_what_is_not_allowed_is_named(options: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="must be"):
        Fit(**options)  # type: ignore[arg-type]
