"""How long does indexing take compared with plain decoding of the same files, and how much memory?

    python -m benchmarks.speed.index_speed [--minutes 20] [--long-minutes 120] [--only speed|memory]

Makes 720p h264 files from shared clips: one with the encoder's own key frames, one with a key frame every 2 s. The
reference is `ffmpeg -i FILE -f null -`, which decodes every frame on all cores; it runs before and after the indexer,
and the faster run counts. Every run of `jepa index` is a new process that starts from nothing but the compiled
graphs. Memory is the peak of the proportional set size of the process and its decoding workers together.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.shared.common import print_table, save_result
from benchmarks.shared.joined_videos import joined_video, real_clips
from benchmarks.shared.processes import Run, run_ffmpeg, run_index

KEY_FRAMES = {"own_keys": None, "keys_2s": 2.0}
NAMES = {"own_keys": "encoder's own key frames", "keys_2s": "key frame every 2 s"}


def main() -> None:
    """Make the files, run decoder and indexer over them, print the tables."""
    options = _arguments()
    result: dict[str, object] = {"minutes": options.minutes, "long minutes": options.long_minutes}
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        run_index(joined_video(real_clips(), folder / "2_own_keys.mp4", minutes=2))  # compiles the graphs
        if options.only != "memory":
            rows = [row for name in options.keys for row in _speed(name, folder, options.minutes)]
            print_table(["file, 720p h264", "command", "seconds", "of ffmpeg's time"], rows)
            result["speed"] = rows
        if options.only != "speed":
            memory = [
                _memory(name, folder, minutes)
                for name in options.keys
                for minutes in (2, options.long_minutes)
            ]
            print_table(["file, 720p h264", "minutes", "peak MB of `jepa index`", "seconds"], memory)
            result["memory"] = memory
    print(save_result("_".join(filter(None, ("index_speed", options.only))), result))


def _speed(name: str, folder: Path, minutes: int) -> list[list[object]]:
    """The decoder, both samplings, the decoder again."""
    file = _video(name, folder, minutes)
    before = run_ffmpeg(file)
    dense, auto = run_index(file, "2"), run_index(file, "auto")
    after = run_ffmpeg(file)
    yardstick = min(before.seconds, after.seconds)
    what = f"{minutes} min, {NAMES[name]}"

    def row(command: str, run: Run) -> list[object]:
        ratio = f"{run.seconds / yardstick:.2f}"
        return [what, command, f"{run.seconds:.1f}", ratio]

    return [
        row("ffmpeg -f null", before),
        row("jepa index --sampling 2", dense),
        row("jepa index --sampling auto", auto),
        row("ffmpeg -f null, again", after),
    ]


def _memory(name: str, folder: Path, minutes: int) -> list[object]:
    run = run_index(_video(name, folder, minutes), memory=True)
    return [NAMES[name], minutes, f"{run.peak_mb:.0f}", f"{run.seconds:.1f}"]


def _video(name: str, folder: Path, minutes: int) -> Path:
    target = folder / f"{minutes}_{name}.mp4"
    return joined_video(real_clips(), target, minutes=minutes, key_frame_seconds=KEY_FRAMES[name])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=int, default=20)
    parser.add_argument("--long-minutes", type=int, default=120)
    parser.add_argument("--keys", choices=KEY_FRAMES, nargs="+", default=list(KEY_FRAMES), help="which files")
    parser.add_argument("--only", choices=["speed", "memory"], help="one of the two tables")
    parser.add_argument("--folder", type=Path, help="keep the files that are made here and use them again")
    return parser.parse_args()


if __name__ == "__main__":
    main()
