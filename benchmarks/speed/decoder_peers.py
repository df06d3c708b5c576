"""Decoders behind one signature: frames of a video at a constant rate, scaled to a square, on both cores.

Each takes the frame on screen in the middle of every slot of 1 / RATE seconds, scaled to IMAGE_SIZE x IMAGE_SIZE RGB,
as its own documentation recommends for many frames of one file, and returns how many it got. None skips
frames or uses key frames alone; that is what `DecodePool` does, which is measured beside them.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

IMAGE_SIZE = 260
RATE = 2.0
BATCH_FRAMES = 32


def pyav(file: Path) -> int:
    """PyAV in its plainest form: every frame is decoded, one in each slot is converted."""
    import av

    count = 0
    with av.open(str(file)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        wanted = 0.5 / RATE
        for frame in container.decode(stream):
            if frame.time is not None and frame.time >= wanted:
                frame.reformat(IMAGE_SIZE, IMAGE_SIZE, "rgb24").to_ndarray()
                count += 1
                wanted += 1.0 / RATE
    return count


def decord(file: Path) -> int:
    """decord: batches of frame numbers, scaled by its own filter."""
    import decord

    threads = os.cpu_count() or 1
    reader = decord.VideoReader(str(file), width=IMAGE_SIZE, height=IMAGE_SIZE, num_threads=threads)
    spans = reader.get_frame_timestamp(range(len(reader)))
    numbers = np.searchsorted(spans[:, 0], _times(float(spans[-1, 1])), side="right") - 1
    return sum(len(reader.get_batch(batch).asnumpy()) for batch in _batches(numbers))


def torchcodec(file: Path) -> int:
    """TorchCodec: batches of times, scaled by PyTorch."""
    import torch

    decoders = importlib.import_module("torchcodec.decoders")  # its types change from version to version
    decoder = decoders.VideoDecoder(str(file), num_ffmpeg_threads=os.cpu_count() or 1)
    duration = decoder.metadata.duration_seconds or 0.0
    count = 0
    for batch in _batches(_times(duration)):
        frames = decoder.get_frames_played_at(seconds=batch.tolist()).data
        scaled = torch.nn.functional.interpolate(frames.float(), (IMAGE_SIZE, IMAGE_SIZE), mode="bilinear")
        count += len(scaled.byte())
    return count


def _times(duration: float) -> np.ndarray:
    """The middles of the slots, seconds."""
    times: np.ndarray = np.arange(0.5 / RATE, duration - 1e-3, 1.0 / RATE)
    return times


def _batches(values: np.ndarray) -> Iterator[np.ndarray]:
    for first in range(0, len(values), BATCH_FRAMES):
        yield values[first : first + BATCH_FRAMES]


DECODERS: dict[str, Callable[[Path], int]] = {"PyAV": pyav, "decord": decord, "torchcodec": torchcodec}
