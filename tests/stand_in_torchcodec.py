"""TorchCodec's decoder over PyAV, so that tests of what is around it need neither a GPU nor FFmpeg's libraries."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import ClassVar

import av
import pytest
import torch


class VideoDecoder:
    """All frames of a file, as they are stored: it turns nothing upright, and says so as TorchCodec 0.10 did."""

    devices: ClassVar[list[str]] = []
    on_read: ClassVar[Callable[[Path, int], None]] = staticmethod(lambda path, batch: None)
    cpu_fallback: object = False

    def __init__(self, source: str, *, dimension_order: str, num_ffmpeg_threads: int, device: str) -> None:
        assert dimension_order == "NHWC"
        self.metadata = SimpleNamespace()
        self.devices.append(device)
        self._path = Path(source)
        self._batches = 0
        with av.open(source) as container:
            decoded = [
                (frame.time or 0.0, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)
            ]
        self._times = torch.tensor([time for time, _ in decoded], dtype=torch.float64)
        self._frames = [torch.from_numpy(frame) for _, frame in decoded]

    def get_frames_played_at(self, seconds: Sequence[float]) -> SimpleNamespace:
        type(self).on_read(self._path, self._batches)
        self._batches += 1
        numbers = torch.searchsorted(self._times, torch.tensor(seconds, dtype=torch.float64), right=True) - 1
        return SimpleNamespace(
            pts_seconds=self._times[numbers], data=torch.stack([self._frames[number] for number in numbers])
        )


def install(monkeypatch: pytest.MonkeyPatch) -> type[VideoDecoder]:
    """Have this process import it as torchcodec; returns a class of its own for each test."""

    @contextmanager
    def set_cuda_backend(backend: str) -> Iterator[None]:
        assert backend == "nvdec"
        yield

    decoder = type("VideoDecoder", (VideoDecoder,), {"devices": []})
    package, decoders = ModuleType("torchcodec"), ModuleType("torchcodec.decoders")
    decoders.VideoDecoder, decoders.set_cuda_backend = decoder, set_cuda_backend  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torchcodec", package)
    monkeypatch.setitem(sys.modules, "torchcodec.decoders", decoders)
    monkeypatch.setattr("jepa_retrieval.media.decoders.find_spec", lambda name: object())
    return decoder
