"""Reads sampled frames of a video with decord or TorchCodec, the alternatives to libav through PyAV.

The packets determine which frames are kept, as for PyAV, so their times are the same. A file that the other library
would show differently is not read with it: `UnsuitableError` says why, and the caller reads the file with PyAV.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from av.video.frame import VideoFrame

from jepa_retrieval.errors import MediaError
from jepa_retrieval.media.sampling import SamplingPlan
from jepa_retrieval.media.types import DecodeRequest, ReadReport
from jepa_retrieval.media.video.frame_choice import FrameChooser
from jepa_retrieval.media.video.frame_sources import SOURCES, FrameSource, UnsuitableError
from jepa_retrieval.media.video.frames import Appearance, Picture, Scaler
from jepa_retrieval.media.video.keyframes import FalseKeyFrameError, KeyFrameDecoders
from jepa_retrieval.media.video.packet_reader import PacketReader
from jepa_retrieval.media.video.video_file import VideoFile

if TYPE_CHECKING:
    from av.packet import Packet

_BATCH_BYTES = 64 * 2**20  # of frames that are decoded at once
MAX_TIME_ERROR = 5e-4  # seconds between the stamps of a frame here and there
_KEYS_CHECKED = 4  # key frames that are decoded alone to see whether they can be
_INDEXED_FORMATS = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")  # libav's names

Tick = Callable[[], None]


def read_with(
    decoder: str, request: DecodeRequest, *, report: ReadReport, on_tick: Tick | None = None
) -> Iterator[Picture]:
    """Yield the sampled frames of a video, in order of time, as `decoder` ("decord", "torchcodec") decodes them.

    Raises:
        MediaError: the library is not installed.
        UnsuitableError: PyAV has to read the file, or the rest of it.
        UnreadableMediaError: the file cannot be read at all.
    """
    with VideoFile(request.path, threads=1) as file:
        first = file.first_frame()
        shown = Appearance.of(file, first)
    if problem := shown.beyond_other_decoders:
        raise UnsuitableError(problem)
    with VideoFile(request.path) as file:
        is_decord = decoder == "decord"
        if is_decord and file.container.format.name not in _INDEXED_FORMATS:
            raise UnsuitableError("it shows wrong frames of containers without an index")
        times = wanted_times(file, request, report=report, on_tick=on_tick, closed=is_decord)
        count = max(1, _BATCH_BYTES // max(1, first.width * first.height * 3))
        batches = [times[low : low + count] for low in range(0, len(times), count)]
        try:
            source = SOURCES[decoder](file)
            if shown.rotation and not source.turns_upright:
                raise UnsuitableError("it does not turn rotated video upright")
            for batch in batches:
                yield from _read(source, batch, file.origin, request, shown, on_tick)
        except (UnsuitableError, MediaError, MemoryError):
            raise
        except Exception as error:  # both libraries raise errors of many kinds
            raise UnsuitableError("it cannot decode the file") from error


def _read(
    source: FrameSource,
    times: np.ndarray,
    origin: float,
    request: DecodeRequest,
    shown: Appearance,
    on_tick: Tick | None,
) -> Iterator[Picture]:
    found, frames = source.read(times + origin)
    if np.abs(found - origin - times).max() > MAX_TIME_ERROR:
        raise UnsuitableError("its frames have other times")
    scale = Scaler(request.fit.scaled_size(request.image_size, shown.width, shown.height), None)
    for time, frame in zip(times, frames, strict=True):
        if on_tick is not None:
            on_tick()
        pixels = scale(VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24"))
        yield Picture(float(time), _in_bt709(pixels) if shown.guessed_bt709 else pixels, shown.aspect)


def wanted_times(
    file: VideoFile, request: DecodeRequest, *, report: ReadReport, on_tick: Tick | None, closed: bool
) -> np.ndarray:
    """The times of the frames to keep, float64 [N], seconds; determined from the packets, without decoding.

    Args:
        closed: whether to refuse groups of pictures that refer to each other.
    """
    start, end = request.start or 0.0, math.inf if request.end is None else request.end
    reader = PacketReader(file, start=start, end=end, on_tick=on_tick)
    packets = _closed(file, reader.packets()) if closed else reader.packets()
    keys = KeyFrameDecoders(file.path)
    unchecked = _KEYS_CHECKED
    times: list[float] = []
    try:
        for step in FrameChooser(file, SamplingPlan.of(request), start=start, end=end).steps(packets):
            time = None if step.packet.pts is None else file.packet_time(step.packet)
            if time is None:
                raise UnsuitableError("its frames carry no times")
            if step.alone and unchecked:
                unchecked -= 1
                _check_key(keys, step.packet)
            if step.wanted:
                times.append(time)
    finally:
        keys.close()
    reader.write_report(report)
    found = np.unique(np.array(times, np.float64))
    inside = found[found >= start]
    if len(inside) or start >= reader.reached:
        return inside
    return found[-1:]  # the frame that is on screen then


def _closed(file: VideoFile, packets: Iterator[Packet]) -> Iterator[Packet]:
    """The packets. decord seeks to wrong places where frames before a key frame come after it."""
    key = -math.inf
    for packet in packets:
        time = file.packet_time(packet)
        if time is not None and time < key:
            raise UnsuitableError("it shows wrong frames where groups of pictures are open")
        if time is not None and packet.is_keyframe:
            key = time
        yield packet


def _check_key(keys: KeyFrameDecoders, packet: Packet) -> None:
    try:
        for _ in (*keys.decode(packet), *keys.finish()):
            pass
    except FalseKeyFrameError:
        raise UnsuitableError("its key frames need the frames before them") from None


def _to_rgb(kr: float, kb: float) -> np.ndarray:
    """The matrix from Y'CbCr to R'G'B', float64 [3, 3]: ITU-R BT.709-6, items 3.2 and 3.3, inverted."""
    kg = 1 - kr - kb
    return np.array(
        [[1, 0, 2 * (1 - kr)], [1, -2 * kb * (1 - kb) / kg, -2 * kr * (1 - kr) / kg], [1, 2 * (1 - kb), 0]]
    )


# Kr and Kb of ITU-R BT.601-7, item 2.5.1, and of BT.709-6, item 3.2
BT601_TO_BT709 = (_to_rgb(0.2126, 0.0722) @ np.linalg.inv(_to_rgb(0.299, 0.114))).astype(np.float32)


def _in_bt709(pixels: np.ndarray) -> np.ndarray:
    """RGB, uint8 [S, S, 3], that was made with the matrix of BT.601, as if made with that of BT.709."""
    return np.clip(pixels.astype(np.float32) @ BT601_TO_BT709.T + 0.5, 0, 255).astype(np.uint8)
