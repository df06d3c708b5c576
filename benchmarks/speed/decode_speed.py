"""How fast do files become windows, compared with `ffmpeg -f null` on the same files?

    python -m benchmarks.speed.decode_speed [--minutes 20] [--pictures 2000]

Makes two 720p h264 files from shared clips, one with the encoder's own key frames and one with a key frame every 2
s, and reads them through `DecodePool` with each sampling: frames scaled to 260 x 260, with thumbnails and content
hashes, without a model. The reference decodes every frame on all cores. Small pictures, the start of a worker and a
scan are timed too.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.shared.common import print_table, save_result, shared_data, timed
from benchmarks.shared.joined_videos import joined_video
from jepa_retrieval.media import Decoded, DecodePool, DecodeRequest, FoundFile, Sampling, scan

IMAGE_SIZE = 260
WORKERS = 2


def main() -> None:
    """Make the files, time the decoders, print one table."""
    options = _arguments()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        clips = shared_data() / "videos" / "panda70m"
        rows: list[list[object]] = []
        for name, key_frame_seconds in (("encoder's own key frames", None), ("key frame every 2 s", 2.0)):
            file = joined_video(
                clips, folder / f"decode_{key_frame_seconds}.mp4", minutes=options.minutes,
                key_frame_seconds=key_frame_seconds,
            )  # fmt: skip
            rows += _video_rows(f"{options.minutes} min, {name}", file, options.minutes * 60)
        print_table(["file, 720p h264", "what", "seconds", "x real time", "x ffmpeg", "frames"], rows)
        pictures = _pictures_per_second(Path(temporary) / "pictures", options.pictures)
        started = _seconds_to_first_event(Path(temporary) / "pictures" / "0.jpg")
        walked = _seconds_to_scan(Path(temporary) / "tree", 10_000)
    print(f"pictures of 320 x 240 with {WORKERS} workers: {pictures:.0f} a second")
    print(f"from DecodePool() to its first event: {started:.2f} s")
    print(f"scan of 10,000 files: {walked:.2f} s")
    result = {"rows": rows, "pictures_per_second": pictures, "first_event": started, "scan_10000": walked}
    print(save_result("decode_speed", result))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=int, default=20)
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--folder", type=Path, help="keep the videos that are made here and use them again")
    return parser.parse_args()


def _video_rows(name: str, file: Path, seconds: float) -> list[list[object]]:
    with timed() as decode:
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", str(file), "-f", "null", "-"], check=True)
    rows: list[list[object]] = [_row(name, "ffmpeg -f null", decode.seconds, seconds, decode.seconds, "all")]
    samplings: tuple[Sampling, ...] = (2.0, "auto", "keyframes")
    for sampling in samplings:
        with timed() as run:
            frames = _read([DecodeRequest(file, image_size=IMAGE_SIZE, sampling=sampling)])
        rows.append(_row(name, f"sampling {sampling}", run.seconds, seconds, decode.seconds, frames))
    return rows


def _row(
    name: str, what: str, seconds: float, duration: float, yardstick: float, frames: object
) -> list[object]:
    return [name, what, f"{seconds:.1f}", f"{duration / seconds:.0f}", f"{yardstick / seconds:.1f}", frames]


def _read(requests: list[DecodeRequest]) -> int:
    """Decode through the pool; return the number of frames."""
    with DecodePool(WORKERS) as pool:
        return sum(
            len(window.frames)
            for event in pool.run(requests)
            if isinstance(event, Decoded)
            for window in event.windows
        )


def _pictures_per_second(folder: Path, count: int) -> float:
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    picture = Image.fromarray(noise).resize((320, 240), Image.Resampling.BICUBIC)
    files = [folder / f"{number}.jpg" for number in range(count)]
    for file in files:
        picture.save(file)
    with timed() as run:
        read = _read([DecodeRequest(file, image_size=IMAGE_SIZE) for file in files])
    assert read == count
    return count / run.seconds


def _seconds_to_first_event(picture: Path) -> float:
    began = time.perf_counter()
    with DecodePool(WORKERS) as pool:
        next(pool.run([DecodeRequest(picture, image_size=IMAGE_SIZE)]))
        return time.perf_counter() - began


def _seconds_to_scan(folder: Path, count: int) -> float:
    for number in range(count):
        file = folder / f"{number // 100:03}" / f"{number}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    with timed() as run:
        found = sum(isinstance(entry, FoundFile) for entry in scan(folder))
    assert found == count
    return run.seconds


if __name__ == "__main__":
    main()
