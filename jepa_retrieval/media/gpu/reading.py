"""Decodes the frames of a plan on a GPU and groups them into windows, without a copy in the host's memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import torch
from torch import Tensor

from indexes.reasons import first_line
from jepa_retrieval.errors import MediaError
from jepa_retrieval.media.gpu.planning import FramePlan
from jepa_retrieval.media.gpu.scaling import in_bt709, scale
from jepa_retrieval.media.types import DecodeRequest, MediaWindow
from jepa_retrieval.media.video.frame_sources import TorchCodecSource, UnsuitableError
from jepa_retrieval.media.video.other_decoders import MAX_TIME_ERROR
from jepa_retrieval.media.windows import WindowGrouper, last_end

_BATCH_BYTES = 64 * 2**20  # of whole frames that are decoded at once, before they are scaled


def read_on_gpu(plan: FramePlan, request: DecodeRequest, device: str) -> Iterator[MediaWindow]:
    """Yield the windows of a video in order of time, each a `GpuWindow` with its frames on `device`.

    Only thumbnails are copied to the host.

    Raises:
        UnsuitableError: NVDEC does not decode the file, or gives other frames; the text says why.
        Exception: of TorchCodec or PyTorch; the file has to be read in another way.
    """
    source = TorchCodecSource(request.path, device=device)
    if plan.rotation and not source.turns_upright:
        raise UnsuitableError("it does not turn rotated video upright")
    width, height = plan.info.width, plan.info.height
    size = request.fit.scaled_size(request.image_size, width, height)
    grouper = WindowGrouper(request, plan.aspect)
    count = max(1, _BATCH_BYTES // max(1, width * height * 3))
    for low in range(0, len(plan.times), count):
        times = plan.times[low : low + count]
        found, frames = source.read(times + plan.origin)
        if np.abs(found - plan.origin - times).max() > MAX_TIME_ERROR:
            raise UnsuitableError("its frames have other times")
        pictures = scale(frames, size)
        if plan.guessed_bt709:
            pictures = in_bt709(pictures)
        for time, picture in zip(times.tolist(), pictures, strict=True):
            yield from grouper.add(time, picture)
    yield from grouper.close(last_end(request, plan.report))


def check_gpu_decoder(device: str) -> None:
    """Decode a video of a few frames, as a test.

    Args:
        device: of PyTorch, such as "cuda".

    Raises:
        MediaError: TorchCodec is not installed or has no CUDA, the driver has no NVDEC, or the GPU decodes no H.264.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "check.mp4"
        _write_video(path)
        try:
            _, frames = TorchCodecSource(path, device=device).read(np.array([0.0, 0.2]))
            _check_mean(frames)
        except MediaError:
            raise
        except Exception as error:
            raise MediaError(
                f"the decoder nvdec cannot be used on {device}: {first_line(error)}; use the decoder pyav"
            ) from error


def _write_video(path: Path) -> None:
    """Six grey frames at 10 a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for _ in range(6):
            frame = av.VideoFrame.from_ndarray(np.full((240, 320, 3), 128, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _check_mean(frames: Tensor) -> None:
    if abs(frames.to(torch.float32).mean().item() - 128) > 4:
        raise UnsuitableError("it shows wrong colours")
