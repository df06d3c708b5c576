"""How long indexing takes beside plain decoding, and how much memory, in one run on the same files.

    python -m benchmarks.index_speed [--minutes 20] [--long-minutes 120]

Makes 720p h264 files from shared clips: one with the encoder's own key frames, one with a key frame every 2 s. The
yardstick is `ffmpeg -i FILE -f null -`, which decodes every frame on all cores. Every run of `jepa index` is a new
process that starts from nothing but the compiled graphs. Memory is the peak of the proportional set size of the
process and its decoding workers together.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common import print_table, save_result, shared_data
from benchmarks.made_videos import joined_video

SAMPLE_SECONDS = 0.2  # between two looks at the memory


@dataclass(frozen=True, slots=True)
class Run:
    """Wall time and peak memory of one command."""

    seconds: float
    peak_mb: float


def main() -> None:
    """Make the files, run decoder and indexer over them, print one table."""
    options = _arguments()
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        clips = shared_data() / "videos" / "panda70m"
        sparse = joined_video(clips, folder / "own_keys.mp4", minutes=options.minutes)
        dense = joined_video(clips, folder / "keys_2s.mp4", minutes=options.minutes, key_frame_seconds=2.0)
        short = joined_video(clips, folder / "short.mp4", minutes=2)
        _index(short, "auto")  # compiles the graphs and warms the disk cache
        for name, file in (("encoder's own key frames", sparse), ("key frame every 2 s", dense)):
            decode = _measure(["ffmpeg", "-nostdin", "-v", "error", "-i", str(file), "-f", "null", "-"])
            rows.append(_row(f"{options.minutes} min, {name}", "ffmpeg -f null", decode, decode))
            for sampling in ("2", "auto"):
                run = _index(file, sampling)
                rows.append(
                    _row(f"{options.minutes} min, {name}", f"jepa index --sampling {sampling}", run, decode)
                )
        for minutes in (2, options.long_minutes):
            file = joined_video(clips, folder / f"{minutes}.mp4", minutes=minutes)
            rows.append(
                _row(f"{minutes} min, encoder's own key frames", "jepa index", _index(file, "auto"), None)
            )
    print_table(["file, 720p h264", "command", "seconds", "of ffmpeg's time", "peak MB"], rows)
    print(save_result("index_speed", {"rows": rows}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=int, default=20)
    parser.add_argument("--long-minutes", type=int, default=120)
    parser.add_argument("--folder", type=Path, help="keep the files that are made here and use them again")
    return parser.parse_args()


def _index(file: Path, sampling: str) -> Run:
    command = shutil.which("jepa", path=str(Path(sys.executable).parent)) or "jepa"
    with tempfile.TemporaryDirectory() as index:
        return _measure(
            [command, "index", str(file), "--index", f"{index}/index", "--sampling", sampling, "--quiet"]
        )


def _measure(command: list[str]) -> Run:
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, sum(_proportional_mb(pid) for pid in _family(process.pid)))
        time.sleep(SAMPLE_SECONDS if time.perf_counter() - began > 1 else 0.01)
    seconds = time.perf_counter() - began
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with status {process.returncode}")
    return Run(seconds, peak)


def _family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return [pid]
    return [pid, *(member for child in children for member in _family(int(child)))]


def _proportional_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def _row(file: str, command: str, run: Run, decode: Run | None) -> list[object]:
    ratio = "" if decode is None else f"{run.seconds / decode.seconds:.2f}"
    return [file, command, f"{run.seconds:.1f}", ratio, f"{run.peak_mb:.0f}"]


if __name__ == "__main__":
    main()
