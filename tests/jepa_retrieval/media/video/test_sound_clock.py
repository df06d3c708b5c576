"""The sound of recordings that were joined byte by byte: when it is heard, in the whole and in a clip of it."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from jepa_retrieval.media.sound.describing import read_sound_timing
from jepa_retrieval.media.sound.samples import SAMPLE_RATE, open_samples, read_samples
from jepa_retrieval.media.video.cutting import cut_clip
from tests.media_factory import draw

FIRST, SECOND = 4.0, 3.0  # seconds of the recordings
TONE = (1.0, 1.5)  # of each


def joined(path: Path, *, starts: tuple[float, float], begin: float = 0.0, pictures: bool = True) -> Path:
    """Two recordings with a tone each, whose clocks begin at `starts`; sound begins `begin` after the pictures."""
    content = b""
    for start, seconds in zip(starts, (FIRST, SECOND), strict=True):
        part = path.with_name(f"part{path.suffix}")
        with av.open(str(part), "w") as out:
            video = None
            if pictures:
                video = out.add_stream("mpeg2video" if path.suffix == ".vob" else "libx264", rate=25)
                video.options = {"preset": "ultrafast"} if path.suffix == ".ts" else {}
                video.width, video.height, video.pix_fmt = 160, 96, "yuv420p"
            track = out.add_stream("mp2", rate=48_000, layout="mono")
            for number in range(round(seconds * 25)) if video is not None else ():
                picture = draw((160, 96), (100 + number, 40, 40))
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = number + round(start * 25), Fraction(1, 25)
                out.mux(video.encode(frame))
            out.mux([] if video is None else video.encode(None))
            times = np.arange(round(seconds * 48_000)) / 48_000
            times = times[times >= begin]
            loud = (times >= TONE[0]) & (times < TONE[1])
            tone = np.where(loud, 8000 * np.sin(times * 2 * np.pi * 440), 0).astype(np.int16)
            sound = av.AudioFrame.from_ndarray(tone[None], "s16", "mono")
            sound.sample_rate, sound.pts = 48_000, round((start + begin) * 48_000)
            for piece in av.AudioResampler("s16", "mono", 48_000, frame_size=1152).resample(sound):
                out.mux(track.encode(piece))
            out.mux(track.encode(None))
        content += part.read_bytes()
    path.write_bytes(content)
    return path


def tones(path: Path) -> list[float]:
    """When tones begin and end, in turn, in seconds."""
    read_samples(path, path.with_suffix(".raw"), on_tick=lambda: None)
    samples = np.abs(open_samples(path.with_suffix(".raw")).astype(np.int32))
    tenths = samples[: len(samples) // 1600 * 1600].reshape(-1, 1600).max(axis=1) > 4000
    return (np.flatnonzero(np.diff(np.r_[0, tenths, 0])) * 1600 / SAMPLE_RATE).tolist()


@pytest.mark.parametrize("name", ["a.ts", "a.vob"])
@pytest.mark.parametrize("starts", [(0.0, 0.0), (2.0, 0.0), (0.0, 40_000.0)])
@pytest.mark.parametrize("begin", [0.0, 0.7])
def test_sound_goes_on_with_the_pictures(
    tmp_path: Path, name: str, starts: tuple[float, float], begin: float
) -> None:
    video = joined(tmp_path / name, starts=starts, begin=begin)
    expected = [*TONE, FIRST + TONE[0], FIRST + TONE[1]]
    assert tones(video) == pytest.approx(expected, abs=0.25)
    clip = cut_clip(video, FIRST + 0.5, FIRST + 2.5, tmp_path / "clip")
    assert tones(clip.file) == pytest.approx([TONE[0] - 0.5, TONE[1] - 0.5], abs=0.25)


def test_sound_without_pictures_goes_on_where_it_ended(tmp_path: Path) -> None:
    sound = joined(tmp_path / "a.ts", starts=(5.0, 0.0), pictures=False)
    assert tones(sound) == pytest.approx([*TONE, FIRST + TONE[0], FIRST + TONE[1]], abs=0.25)
    timing = read_sound_timing(sound, 1e6, on_tick=lambda: None)
    assert timing.seconds == pytest.approx(FIRST + SECOND, abs=0.1)
