"""Does the memory of `jepa watch` grow over a stream of many hours?

    python -m benchmarks.speed.watch_memory [--hours 6]

The stream is a file: shared clips, joined, made small (320 x 180, 4 frames a second) and repeated for so many
hours, with the time stamps running on. It is read as fast as it can be, two windows a second of the stream, with
everything that accumulates: subtitles, a timeline, an alert. Printed is the resident memory of the process every
half hour of the stream.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.shared.common import print_table, save_result, shared_data, timed
from benchmarks.shared.joined_videos import SCENE_MINUTES, joined_video

STEP = 1800.0  # seconds of the stream between two rows


def main() -> None:
    """Make the stream, watch it, print the memory."""
    options = _arguments()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        stream = _long_stream(folder, options.hours)
        with timed() as timer:
            samples = _memory(stream, folder)
    rows: list[list[object]] = [[f"{time / 3600:.1f}", f"{mb:.0f}"] for time, mb in samples]
    print_table(["hours of the stream", "resident MB"], rows)
    later = [mb for _, mb in samples[1:]]
    growth = max(later) - min(later)
    print(f"highest minus lowest from the first half hour on: {growth:.0f} MB; {timer.seconds:.0f} s in all")
    print(save_result("watch_memory", {"hours": options.hours, "samples": samples, "growth": growth}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--hours", type=float, default=6)
    parser.add_argument("--folder", type=Path, help="keep the file that is made here and use it again")
    return parser.parse_args()


def _long_stream(folder: Path, hours: float) -> Path:
    stream = folder / f"stream_{hours:g}h.ts"
    if stream.exists():
        return stream
    whole = joined_video(shared_data() / "videos" / "panda70m", folder / "scenes.mp4", minutes=SCENE_MINUTES)
    small, part = folder / "small.mp4", stream.with_suffix(".part.ts")
    _ffmpeg("-i", str(whole), "-vf", "scale=320:180", "-r", "4", "-g", "40", str(small))
    _ffmpeg("-stream_loop", "-1", "-i", str(small), "-t", str(hours * 3600), "-c", "copy", str(part))
    return part.rename(stream)


def _ffmpeg(*arguments: str) -> None:
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *arguments], check=True)


def _memory(stream: Path, folder: Path) -> list[tuple[float, float]]:
    """Seconds of the stream and the resident MB of the process that watches it."""
    command = [sys.executable, "-m", "cli.main", "watch", str(stream), "--json"]
    files = [
        "--srt",
        str(folder / "a.srt"),
        "--timeline",
        str(folder / "a.html"),
        "--alert",
        "a dog on a sofa",
    ]
    process = subprocess.Popen([*command, *files], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    samples: list[tuple[float, float]] = []
    due = 0.0
    for line in process.stdout:
        time = float(json.loads(line)["end"])
        if time >= due:
            samples.append((time, _resident_mb(process.pid)))
            due += STEP
    if process.wait():
        raise SystemExit(f"{' '.join(command)} ended with status {process.returncode}")
    return samples


def _resident_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


if __name__ == "__main__":
    main()
