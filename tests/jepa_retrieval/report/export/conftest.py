"""A folder of videos at several frame rates, with a photograph and an odd name, as a library knows them."""

import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import pytest

from jepa_retrieval.media import encode_path
from jepa_retrieval.report.export import ExportMoment
from jepa_retrieval.tasks.encoding.media_root import MediaRoot
from tests.media_factory import make_audio, make_picture, make_video

NTSC = Fraction(30_000, 1001)
FILM = Fraction(24_000, 1001)
ODD_BYTES = b'trip/"cat" & <b>\n100% #1\xff.mp4'
ODD = encode_path(ODD_BYTES)


@dataclass(frozen=True)
class MadeLibrary:
    """What an export asks of a library."""

    media_root: MediaRoot

    def resolve(self, path: str) -> Path:
        return self.media_root.to_path(path)


@pytest.fixture(scope="package")
def library(tmp_path_factory: pytest.TempPathFactory) -> MadeLibrary:
    """Six seconds each; key frames once a second or so. Read only."""
    folder = tmp_path_factory.mktemp("media")
    (folder / "trip").mkdir()
    make_video(folder / "ntsc.mp4", seconds=6, fps=float(NTSC), gop=30, sound=True)
    make_video(folder / os.fsdecode(ODD_BYTES), seconds=6, fps=float(NTSC), gop=30)
    make_video(folder / "film.mkv", seconds=6, fps=float(FILM), gop=24)
    make_video(folder / "offset.ts", seconds=6, fps=25, gop=25, start_time=10)
    make_video(folder / "double.mp4", seconds=6, fps=float(NTSC * 2), gop=60)
    with_timecode(make_video(folder / "plain.mp4", seconds=6, fps=float(NTSC), gop=30), folder / "camera.mov")
    make_video(folder / "long.mp4", times=[*range(0, 3730, 10), 3740])
    make_picture(folder / "photo.jpg")
    make_audio(folder / "talk.mp3", seconds=8.0)
    return MadeLibrary(MediaRoot(folder))


def with_timecode(video: Path, target: Path, *, text: str = "10:00:00;00") -> Path:
    """Copy a video into a QuickTime file whose first frame has a timecode, as cameras write it."""
    with av.open(str(video)) as source, av.open(str(target), "w") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        out.metadata["timecode"] = text
        stream.codec_context.framerate = source.streams.video[0].average_rate
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                out.mux(packet)
    return target


def video(path: str, start: float, end: float, label: str = "") -> ExportMoment:
    return ExportMoment(path, "video", start, end, label)


def photo(path: str = "photo.jpg") -> ExportMoment:
    return ExportMoment(path, "image")


def frames_inside(rate: Fraction, start: float, end: float) -> tuple[int, int]:
    """First frame, and the one behind the last, of those that begin in an interval: counted one by one."""
    inside = [number for number in range(100_000) if start <= number / rate < end]
    return inside[0], inside[-1] + 1
