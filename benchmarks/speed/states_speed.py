"""How long does it take to train dynamics on an index, and to look for surprises in an index and in a file?

    python -m benchmarks.speed.states_speed [--clips 10000] [--minutes 4] [--folder FOLDER]

The clips of the index are the windows of shared videos, two a second, with their own visual tokens; the videos are
repeated with a little noise, as other files, until there are enough clips. `jepa train dynamics --index` runs with
its defaults, then `jepa surprise --index`, each in a new process. The file is 720p h264 of so many minutes, joined
from shared clips; beside `jepa surprise FILE` stands `ffmpeg -i FILE -f null -`, which decodes every frame on all
cores, and does nothing else. Processor seconds, of all cores together, tell more where the machine is busy.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.shared.common import print_table, save_result, shared_data, timed
from benchmarks.shared.joined_videos import joined_video
from benchmarks.shared.processes import jepa_program
from indexes.records import ClipRecord, MediaRecord
from jepa_retrieval.library import Library
from jepa_retrieval.tasks.foreseeing.states import FileStates, file_states

NOISE = 0.02  # of the standard deviation of a token's coordinate: videos that are repeated differ by it
RUNS = 3  # of what takes seconds


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command took."""

    seconds: float  # by the clock
    processor: float  # seconds of all cores together


def main() -> None:
    """Make the index and the file, measure, print one table."""
    options = _arguments()
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        library = _index(folder / f"{options.clips} clips", clips=options.clips)
        trained, cost = _jepa("train", "dynamics", "--index", str(library))
        rows.append(_row(f"jepa train dynamics --index, {trained['windows']:,} clips", [cost]))
        unusual = [_jepa("surprise", "--index", str(library))[1] for _ in range(RUNS)]
        rows.append(_row(f"jepa surprise --index, {trained['windows']:,} clips", unusual))
        clips = shared_data() / "videos" / "panda70m"
        path = joined_video(clips, folder / f"surprise_{options.minutes:g}.mp4", minutes=options.minutes)
        rows += _file(path, seconds=60 * options.minutes)
    print_table(["command", "seconds", "processor seconds", "times real time"], rows)
    print(save_result("states_speed", {"rows": rows, "skill": trained["skill"]}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--clips", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=4)
    parser.add_argument("--folder", type=Path, help="keep what is made here and use it again")
    return parser.parse_args()


def _file(path: Path, *, seconds: float) -> list[list[object]]:
    """`jepa surprise` and `ffmpeg`, in turn, so that both meet the same machine."""
    surprise, decode = [], []
    for _ in range(RUNS):
        surprise.append(_jepa("surprise", str(path), "--model", "nano")[1])
        command = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(path), "-f", "null", "-"]
        decode.append(_measured(command)[1])
    named = {"jepa surprise": surprise, "ffmpeg -f null": decode}
    return [
        _row(f"{name}, 720p, {seconds / 60:g} minutes", costs, seconds=seconds)
        for name, costs in named.items()
    ]


def _row(name: str, costs: Sequence[Cost], *, seconds: float | None = None) -> list[object]:
    """The fastest run."""
    wall, processor = min(cost.seconds for cost in costs), min(cost.processor for cost in costs)
    return [name, f"{wall:.1f}", f"{processor:.1f}", "" if seconds is None else f"{seconds / wall:.1f}"]


def _jepa(*arguments: str) -> tuple[dict[str, Any], Cost]:
    output, cost = _measured([jepa_program(), *arguments, "--json"])
    found: dict[str, Any] = json.loads(output)
    return found, cost


def _measured(command: Sequence[str]) -> tuple[str, Cost]:
    """What a command printed, and its cost with all its children's."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with timed() as timer:
        done = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.stdout, Cost(timer.seconds, used)


def _index(folder: Path, *, clips: int) -> Path:
    """A library of so many clips; one that is there already is used as it is."""
    if folder.exists():
        return folder
    folder.mkdir(parents=True)
    library = Library.create(folder, model="nano")
    random = np.random.default_rng(0)
    paths = sorted(
        path
        for place in ("captioned", "videos/panda70m", "videos/long-timed")
        for path in (shared_data() / place).rglob("*.mp4")
    )
    seen = [file_states(path, library.model, lambda tokens: tokens) for path in paths]
    left, number = clips, 0
    with library.records.writer() as writer:
        while left > 0:
            video, copied = seen[number % len(seen)], number // len(seen)
            noise = NOISE if copied else 0.0
            made = _clips(video, random, size=library.model.embedding_size, noise=noise)[:left]
            writer.put(_media(number, made), made)
            left, number = left - len(made), number + 1
    return folder


def _clips(video: FileStates, random: np.random.Generator, *, size: int, noise: float) -> list[ClipRecord]:
    """A clip for each window; the embeddings, which are not used, are random."""
    spread = noise * video.states.std(axis=0)
    tokens = (video.states + spread * random.standard_normal(video.states.shape)).astype(np.float16)
    vectors = random.standard_normal((len(tokens), size)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return [
        ClipRecord(float(start), float(end), vector, tokens=token[np.newaxis])
        for (start, end), vector, token in zip(video.times, vectors, tokens, strict=True)
    ]


def _media(number: int, clips: Sequence[ClipRecord]) -> MediaRecord:
    return MediaRecord(
        path=f"video {number:05}.mp4",
        size=1_000_000 + number,
        mtime_ns=1_700_000_000_000_000_000 + number,
        content_hash=f"{number:032x}",
        duration=clips[-1].end,
        width=1280,
        height=720,
        frame_rate=28.0,
        codec="h264",
        sampling="2.0",
    )


if __name__ == "__main__":
    main()
