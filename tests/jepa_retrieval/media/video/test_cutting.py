"""Clips that are cut out of videos: which frames they hold, compared with those of the original."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.video.cutting import CutClip, cut_clip
from tests.media_factory import BLUE, RED, join_recordings, make_animation, make_video

FRAMES = 100
BITS = 7


def make_counting_video(
    path: Path,
    *,
    codec: str = "libx264",
    rate: Fraction = Fraction(25),
    gop: int = 25,
    sound: str | None = None,
) -> Path:
    """Write a video of which each frame shows its number in black and white bars, with silence in `sound`."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=rate)
        stream.width, stream.height = 16 * BITS, 32
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.gop_size = gop
        if codec == "libx264":
            stream.codec_context.options = {"preset": "ultrafast", "bf": "2", "sc_threshold": "0"}
        tone = None if sound is None else out.add_stream(sound, rate=48_000)
        for number in range(FRAMES):
            bars = np.repeat([number >> bit & 1 for bit in range(BITS)], 16) * 255
            picture = np.broadcast_to(bars[None, :, None], (32, 16 * BITS, 3)).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, 1 / rate
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if tone is not None:
            samples = np.zeros((1, int(48_000 * FRAMES / rate) * 2), np.int16)
            frame = av.AudioFrame.from_ndarray(samples, "s16", "stereo")
            frame.sample_rate, frame.pts = 48_000, 0
            for piece in av.AudioResampler(
                tone.format.name, "stereo", 48_000, tone.frame_size or 1024
            ).resample(frame):
                out.mux(tone.encode(piece))
            out.mux(tone.encode(None))
    return path


def numbers(file: Path) -> list[int]:
    """Which frames of a counting video a clip holds."""
    with av.open(str(file)) as container:
        pictures = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    return [sum(1 << bit for bit in range(BITS) if picture[16, 16 * bit + 8] > 127) for picture in pictures]


def cut(video: Path, start: float, end: float) -> CutClip:
    return cut_clip(video, start, end, video.with_name("clip"))


def test_between_key_frames_packets_are_copied(tmp_path: Path) -> None:
    clip = cut(make_counting_video(tmp_path / "a.mp4", sound="aac"), 1, 3)
    assert (clip.copied, clip.frames, clip.file.name) == (True, 50, "clip.mp4")
    assert numbers(clip.file) == list(range(25, 75))
    with av.open(str(clip.file)) as container:
        assert container.streams.video[0].start_time == 0
        sound = container.streams.audio[0]
        assert sound.codec_context.name == "aac"
        assert float(sound.duration * sound.time_base) == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize(("start", "end"), [(1.04, 3), (1, 2.96), (0.5, 0.54), (3.2, 99)])
def test_elsewhere_exactly_the_frames_inside_are_encoded(tmp_path: Path, start: float, end: float) -> None:
    clip = cut(make_counting_video(tmp_path / "a.mp4"), start, end)
    inside = [number for number in range(FRAMES) if round(start * 25, 3) <= number < round(end * 25, 3)]
    assert not clip.copied
    assert numbers(clip.file) == inside
    assert clip.frames == len(inside)


def test_at_29_97_frames_per_second_none_is_lost_or_added(tmp_path: Path) -> None:
    rate = Fraction(30_000, 1001)
    video = make_counting_video(tmp_path / "a.mkv", rate=rate, gop=30, sound="mp2")
    clip = cut(video, 30 * 1001 / 30_000, 60 * 1001 / 30_000)
    assert (clip.copied, numbers(clip.file)) == (True, list(range(30, 60)))
    clip = cut(video, 1, 2)  # frame 30 begins at 1.001 s, frame 60 at 2.002 s
    assert (clip.copied, numbers(clip.file)) == (True, list(range(30, 60)))
    clip = cut(video, 0.5, 1.5)
    assert (clip.copied, clip.file.suffix, numbers(clip.file)) == (False, ".mp4", list(range(15, 45)))
    with av.open(str(clip.file)) as container:
        assert container.streams.audio[0].codec_context.name == "aac"  # MP4 takes no MP2


def test_other_codecs_keep_a_container_that_takes_them(tmp_path: Path) -> None:
    clip = cut(make_counting_video(tmp_path / "a.avi", codec="mjpeg", sound="pcm_s16le"), 1.2, 2.4)
    assert (clip.copied, clip.file.suffix, numbers(clip.file)) == (True, ".mov", list(range(30, 60)))
    clip = cut(make_counting_video(tmp_path / "a.webm", codec="libvpx-vp9", sound="libopus"), 1, 2)
    assert (clip.copied, clip.file.suffix, numbers(clip.file)) == (True, ".mkv", list(range(25, 50)))


def test_a_picture_that_stands_still_is_the_one_on_screen(tmp_path: Path) -> None:
    video = make_video(tmp_path / "a.mp4", times=[0, 0.5, 1.0, 5.0, 5.5])
    assert cut(video, 2, 4).frames == 1
    assert cut(video, 0.5, 5.2).frames == 3


@pytest.mark.parametrize(("start", "end"), [(0, 1), (1.2, 2.4)])
def test_a_raw_stream_is_cut_by_counting_its_frames(tmp_path: Path, start: float, end: float) -> None:
    clip = cut(make_counting_video(tmp_path / "a.h264"), start, end)
    assert (clip.copied, numbers(clip.file)) == (False, list(range(round(start * 25), round(end * 25))))


@pytest.mark.parametrize("name", ["a.ts", "a.vob"])
def test_recordings_are_cut_across_their_joint(tmp_path: Path, name: str) -> None:
    video = join_recordings(tmp_path / name, scenes=[(RED, 0.0), (BLUE, 0.0)])
    with av.open(str(cut(video, 1, 3).file)) as container:
        frames = [(frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
    times = [time for time, _ in frames]
    # At the joint of a transport stream libav gives some frames the wrong time.
    assert times == sorted(set(times)) and len(times) == pytest.approx(50, abs=3)
    assert [int(picture[-1, -1].argmax()) for _, picture in (frames[0], frames[-1])] == [0, 2]


def test_what_no_container_takes_is_encoded(tmp_path: Path) -> None:
    clip = cut(make_animation(tmp_path / "a.png", delays=[0.5] * 6), 1, 2)
    assert (clip.copied, clip.frames, clip.file.suffix) == (False, 2, ".mp4")


def test_rotation_is_kept(tmp_path: Path) -> None:
    clip = cut(make_video(tmp_path / "a.mp4", rotation=90, seconds=2), 0.5, 1)
    with av.open(str(clip.file)) as container:
        assert next(container.decode(video=0)).rotation == -90


def test_what_cannot_be_cut_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("no video")
    with pytest.raises(UnreadableMediaError, match="is not a video"):
        cut(tmp_path / "a.mp4", 0, 1)
    with pytest.raises(UnreadableMediaError, match="no frame could be decoded"):
        cut(make_video(tmp_path / "b.ts", seconds=2, start_time=10, sound=True), 0, 1)
