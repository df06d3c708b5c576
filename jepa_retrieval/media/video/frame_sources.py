"""Videos as decord and TorchCodec open them, behind one signature."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from jepa_retrieval.errors import MediaError
from jepa_retrieval.media.decoders import not_installed
from jepa_retrieval.media.video.video_file import VideoFile


class UnsuitableError(Exception):
    """The other library would give other frames than PyAV, or none; the text says why."""


class FrameSource(Protocol):
    """A video as another library has opened it."""

    turns_upright: bool  # whether it applies the rotation that the file asks for

    def read(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The frames nearest to `times`, float64 [N], in seconds of the stream's own stamps.

        Returns:
            Their own times, float64 [N], and their pictures, uint8 [N, H, W, 3] RGB.
        """


class DecordSource:
    """A video in decord, which lists all frames of a file before it decodes one."""

    turns_upright = True

    def __init__(self, file: VideoFile) -> None:
        decord: Any = _import("decord")
        decord.logging.set_level(decord.logging.QUIET)
        self._reader = decord.VideoReader(str(file.path), ctx=decord.cpu(0), fault_tol=1)
        intervals = np.asarray(self._reader.get_frame_timestamp(range(len(self._reader))), np.float64)
        # decord counts from the video's first frame
        self._times = intervals.reshape(-1, 2)[:, 0] + (file.stream.start_time or 0) * file.time_base

    def read(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `FrameSource`."""
        after = np.searchsorted(self._times, times).clip(1, max(1, len(self._times) - 1))
        last = len(self._times) - 1
        nearer = np.abs(self._times[after - 1] - times) <= np.abs(
            self._times[np.minimum(after, last)] - times
        )
        numbers = after - nearer
        return self._times[numbers], self._reader.get_batch(numbers.tolist()).asnumpy()


class TorchCodecSource:
    """A video in TorchCodec, decoded on the CPU or on a GPU.

    Args:
        path: the file.
        device: of PyTorch; on a GPU frames are decoded by NVDEC and stay there.

    Raises:
        MediaError: TorchCodec cannot be imported.
        UnsuitableError: NVDEC does not decode the file.
        Exception: of TorchCodec: it cannot open the file, or has no CUDA.
    """

    def __init__(self, path: Path, *, device: str = "cpu") -> None:
        decoders: Any = _import("torchcodec.decoders")
        options = {"dimension_order": "NHWC", "num_ffmpeg_threads": 0, "device": device}
        if device.startswith("cuda"):
            with _nvdec(decoders):
                self._decoder = decoders.VideoDecoder(str(path), **options)
        else:
            self._decoder = decoders.VideoDecoder(str(path), **options)
        self.turns_upright = hasattr(self._decoder.metadata, "rotation")  # from version 0.11 on
        if getattr(self._decoder, "cpu_fallback", False):
            reason = str(self._decoder.cpu_fallback).rpartition(": ")[2]
            raise UnsuitableError(f"NVDEC does not decode it ({reason})")

    def read(self, times: np.ndarray) -> tuple[np.ndarray, Any]:
        """The times that were found, and the frames as a tensor on the device; see `FrameSource`."""
        # a little later than the frame begins, so that rounding does not lead to the one before
        batch = self._decoder.get_frames_played_at((times + 2e-4).tolist())
        return batch.pts_seconds.double().cpu().numpy(), batch.data


@contextmanager
def _nvdec(decoders: Any) -> Iterator[None]:
    """Decoders that are made inside use NVDEC itself; FFmpeg's way to it does not turn rotated video upright."""
    with ExitStack() as stack:
        try:
            stack.enter_context(decoders.set_cuda_backend("nvdec"))
        except ValueError:
            stack.enter_context(decoders.set_cuda_backend("beta"))  # its name before version 0.12
        yield


class _TorchCodecArrays:
    """`TorchCodecSource` on the CPU, with frames as arrays."""

    def __init__(self, file: VideoFile) -> None:
        self._source = TorchCodecSource(file.path)
        self.turns_upright = self._source.turns_upright

    def read(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `FrameSource`."""
        found, frames = self._source.read(times)
        return found, frames.numpy()


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except (ImportError, OSError, RuntimeError) as error:  # torchcodec raises the last two without FFmpeg
        raise MediaError(not_installed(name.partition(".")[0])) from error


SOURCES: dict[str, Callable[[VideoFile], FrameSource]] = {
    "decord": DecordSource,
    "torchcodec": _TorchCodecArrays,
}
