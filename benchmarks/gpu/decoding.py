"""Videos decoded on the card (NVDEC), whose frames stay there, and by the pool of processes on the CPU.

Both give windows as an indexing run takes them; those of the pool are copied to the card. The videos are made. What
is compared is every window of one video of each kind.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import torch

from benchmarks.gpu.facts import Facts, reason
from benchmarks.gpu.timing import synchronise

if TYPE_CHECKING:
    from jepa_retrieval.media import DecodePool, Event, MediaWindow

DecoderName = Literal["pyav", "nvdec"]
IMAGE_SIZE = 256
RATE = 25  # frames per second of the videos
NEEDED = ("av", "torchcodec.decoders")
# NVDEC is the driver's libnvcuvid; TorchCodec looks for FFmpeg's libraries of any of these versions.
LIBRARIES = ("libcuda.so.1", "libnvcuvid.so.1", *(f"libavcodec.so.{version}" for version in (62, 61, 60, 59)))

# Name: encoder, options of it, width, height, rotation in degrees
KINDS: dict[str, tuple[str, dict[str, str], int, int, int]] = {
    "h264_1080p": ("libx264", {"preset": "ultrafast"}, 1920, 1080, 0),  # does not state its colour matrix
    "h264_360p_rotated": ("libx264", {"preset": "ultrafast"}, 640, 360, 90),
    "hevc_720p": ("libx265", {"preset": "ultrafast", "x265-params": "log-level=none"}, 1280, 720, 0),
}


def run(facts: Facts) -> None:
    """Equality of each kind, then frames a second of many copies of the first."""
    facts.say(libraries={name: _loaded(name) for name in LIBRARIES})
    for name in NEEDED:
        try:
            importlib.import_module(name)
        except (ImportError, OSError, RuntimeError) as error:  # TorchCodec without FFmpeg's libraries
            facts.not_run("decoding", reason(error))
            return
    from jepa_retrieval.errors import MediaError
    from jepa_retrieval.media.gpu.reading import check_gpu_decoder

    try:
        check_gpu_decoder(facts.device)
    except MediaError as error:
        facts.not_run("decoding on the card", reason(error))
        return
    from jepa_retrieval.media import DecodePool

    workers = 2 if facts.smoke else os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder, DecodePool(workers) as pool:
        for kind in KINDS:
            try:
                seconds, shrink = (2, 6) if facts.smoke else (10, 1)
                video = _write(Path(folder) / f"{kind}.mp4", kind, seconds=seconds, shrink=shrink)
                facts.say("equality", kind, **_compare(pool, video, facts.device))
            except Exception as error:
                facts.say("equality", kind, failed=reason(error))
        _speed(facts, pool, Path(folder))


def _loaded(name: str) -> str:
    try:
        ctypes.CDLL(name)
    except OSError as error:
        return str(error)
    return "is there"


def _write(path: Path, kind: str, *, seconds: int, shrink: int) -> Path:
    """Waves that move, under noise that stays."""
    import av

    codec, options, width, height, rotation = KINDS[kind]
    width, height = width // shrink // 2 * 2, height // shrink // 2 * 2
    noise = np.random.default_rng(0).integers(0, 40, (height, width, 3), dtype=np.uint8)
    y, x = np.mgrid[:height, :width].astype(np.float32) / 40
    waves = (110 + 100 * np.stack([np.sin(x), np.cos(y), np.sin(x + y)], axis=2)).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=RATE)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.gop_size = 2 * RATE
        stream.codec_context.options = options
        if rotation:
            stream.set_display_rotation(-rotation)
        for number in range(seconds * RATE):
            picture = np.roll(waves, (2 * number, -3 * number), axis=(0, 1)) + noise
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def _events(
    pool: DecodePool, paths: list[Path], decoder: DecoderName, device: str, rate: float
) -> Iterator[Event]:
    from jepa_retrieval.media import DecodeRequest

    requests = [
        DecodeRequest(
            path,
            IMAGE_SIZE,
            sampling=rate,
            frames_per_window=round(2 * rate),
            thumbnails=False,
            hash_content=False,
            decoder=decoder,
        )
        for path in paths
    ]
    return pool.run(requests, device=device if decoder == "nvdec" else None)


def _compare(pool: DecodePool, video: Path, device: str) -> dict[str, object]:
    """Differences of times, seconds, and of colours, of 255, over all windows."""
    from jepa_retrieval.media import Decoded, Finished
    from jepa_retrieval.media.types import GpuWindow

    windows: dict[DecoderName, list[MediaWindow]] = {"pyav": [], "nvdec": []}
    warnings: tuple[str, ...] = ()
    for decoder, found in windows.items():
        for event in _events(pool, [video], decoder, device, 5.0):
            if isinstance(event, Decoded):
                found += event.windows
            elif isinstance(event, Finished):
                warnings += event.warnings
    pairs = list(zip(*windows.values(), strict=True))
    if not all(isinstance(window, GpuWindow) for window in windows["nvdec"]):
        return {"failed": "; ".join(warnings) or "no frames from the card"}
    differences = [
        np.abs(ours.frames.astype(np.int16) - torch.as_tensor(theirs.frames).cpu().numpy()).reshape(
            len(ours.times), -1
        )
        for ours, theirs in pairs
    ]
    of_frames = np.concatenate([each.mean(axis=1) for each in differences])
    return {
        "windows": len(pairs),
        "most_seconds_apart": float(max(np.abs(ours.times - theirs.times).max() for ours, theirs in pairs)),
        "mean_difference_of_255": float(of_frames.mean()),
        "mean_difference_of_the_worst_frame": float(of_frames.max()),
    }


def _speed(facts: Facts, pool: DecodePool, folder: Path) -> None:
    """Frames a second of windows on the device, at two densities of sampling."""
    kind, copies = next(iter(KINDS)), 2 if facts.smoke else 24
    source = folder / f"{kind}.mp4"
    if not source.is_file():
        return
    paths = [Path(shutil.copyfile(source, folder / f"copy{number}.mp4")) for number in range(copies)]
    for rate in (2.0, float(RATE)):
        for decoder in get_args(DecoderName):
            if facts.seconds_left() < 8:
                facts.not_run(f"speed at {rate:g} frames a second, {decoder}", "no time was left")
                continue
            try:
                facts.say(
                    "speed",
                    kind,
                    f"{rate:g} a second",
                    **{decoder: _rate(pool, paths, decoder, facts.device, rate)},
                )
            except Exception as error:
                facts.say("speed", kind, f"{rate:g} a second", **{f"{decoder}_failed": reason(error)})


def _rate(
    pool: DecodePool, paths: list[Path], decoder: DecoderName, device: str, rate: float
) -> dict[str, float]:
    from jepa_retrieval.media import Decoded

    frames, began = 0, time.perf_counter()
    for event in _events(pool, paths, decoder, device, rate):
        for window in event.windows if isinstance(event, Decoded) else ():
            frames += len(window.frames)
            torch.as_tensor(window.frames, device=device)
    synchronise(device)
    seconds = time.perf_counter() - began
    return {
        "frames": frames,
        "per_second": frames / seconds,
        "video_seconds_per_second": frames / rate / seconds,
    }
