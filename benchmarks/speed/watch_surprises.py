"""What does `jepa watch --surprise` report over many hours of one scene, and does its memory grow?

    python -m benchmarks.speed.watch_surprises [--hours 6] [--rate 2] [--z 5] [--learn 600] [--folder FOLDER]

The stream is a file, read as fast as it can be: the videos of UCSD Ped2, 10 frames a second, joined without encoding
them anew. People walk in every second training video, repeated until learning is over; then in the other training
videos, repeated for so many hours: what is reported there is a false alarm. The test videos come last: an interval
with bicycles, skaters or carts is found if a surprise begins in it or up to 2 s after it. Printed are also the memory
of the process that learns, half an hour apart in the stream, and what of it is shared with files on disk, such as
libraries.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import av

from benchmarks.datasets.shapes import AnomalySet
from benchmarks.datasets.ucsd import load
from benchmarks.shared.common import print_table, save_result, shared_data, timed

STEP = 1800.0  # seconds of the stream between two rows of memory
AFTER = 2.0  # seconds after an interval in which it may still be reported
SENTENCES = "People walk.\nSomebody rides a bicycle.\n"


@dataclass(frozen=True, slots=True)
class SceneStream:
    """A file of three parts: to learn from, normal, with abnormal intervals."""

    path: Path
    learnt: float  # seconds where the normal part begins
    normal_until: float  # seconds where the tests begin
    abnormal: list[tuple[float, float]]  # seconds


@dataclass(slots=True)
class Seen:
    """What a run printed, and the memory it took."""

    surprises: list[tuple[float, float]] = field(default_factory=list)  # start, z
    memory: list[tuple[float, float, float]] = field(default_factory=list)  # stream seconds, MB, MB of files
    seconds: float = 0.0  # wall time


def main() -> None:
    """Make the stream, watch it, print what was reported."""
    options = _arguments()
    data = load(shared_data() / "videos" / "ucsd-ped2")
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        stream = make_stream(data, folder, learn=options.learn, hours=options.hours)
        seen = _watch(stream.path, folder, options)
    rows = [[f"{time / 3600:.2f}", f"{mb:.0f}", f"{files:.0f}"] for time, mb, files in seen.memory]
    print_table(["hours of the stream", "resident MB", "of these of files"], rows)
    outcome = judged(stream, seen, learn=options.learn)
    for name, value in outcome.items():
        print(f"{name}: {value}")
    result: dict[str, object] = {"memory": seen.memory, "surprises": seen.surprises, **outcome}
    print(save_result("watch_surprises", {**vars(options), "folder": str(options.folder), **result}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--hours", type=float, default=6, help="of the normal part of the stream")
    parser.add_argument("--rate", type=float, default=2.0)
    parser.add_argument("--z", type=float, default=5.0)
    parser.add_argument("--learn", type=float, default=600, help="seconds")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--folder", type=Path, help="keep what is made here and use it again")
    return parser.parse_args()


def make_stream(data: AnomalySet, folder: Path, *, learn: float, hours: float) -> SceneStream:
    """Join the videos of a scene; a file that is there already is kept."""
    known, others = _repeated(data.training[::2], learn), _repeated(data.training[1::2], hours * 3600)
    learnt, normal = (sum(map(_seconds, part)) for part in (known, others))
    abnormal, begins = [], learnt + normal
    for video in data.tests:
        for first, last in video.abnormal:
            abnormal.append((begins + first / data.frame_rate, begins + (last + 1) / data.frame_rate))
        begins += _seconds(video.path)
    path = folder / f"scene_{learn:g}s_{hours:g}h.ts"
    if not path.exists():
        _join([*known, *others, *(video.path for video in data.tests)], path)
    return SceneStream(path, learnt, learnt + normal, abnormal)


def _repeated(paths: Sequence[Path], seconds: float) -> list[Path]:
    """The files again and again, in order, until they last for so long."""
    times = math.ceil(seconds / sum(map(_seconds, paths)))
    return list(paths) * times


def _seconds(path: Path) -> float:
    with av.open(str(path)) as file:
        return float((file.duration or 0) / av.time_base)


def _join(paths: Sequence[Path], target: Path) -> None:
    """The packets of videos that were encoded alike, one video after the other."""
    part = target.with_suffix(".part.ts")
    begins = 0.0
    with av.open(str(part), "w") as joined:
        written = None
        for path in paths:
            with av.open(str(path)) as file:
                video = file.streams.video[0]
                written = written or joined.add_stream_from_template(video)
                time_base = video.time_base
                assert time_base is not None, "of a file that can be decoded"
                for packet in file.demux(video):
                    if packet.dts is None or packet.pts is None:  # the end
                        continue
                    offset = round(begins / time_base)
                    packet.pts, packet.dts = packet.pts + offset, packet.dts + offset
                    packet.stream = written
                    joined.mux(packet)
            begins += _seconds(path)
    part.rename(target)


def _watch(stream: Path, folder: Path, options: argparse.Namespace) -> Seen:
    sentences = folder / "sentences.txt"
    sentences.write_text(SENTENCES)
    scene = folder / "scene.safetensors"
    scene.unlink(missing_ok=True)  # learnt by another run
    command = [sys.executable, "-m", "cli.main", "watch", str(stream), "--json", "--no-live"]
    wanted = ["--rate", options.rate, "--surprise", options.z, "--learn", options.learn]
    wanted += ["--scene", scene, "--device", options.device]
    process = subprocess.Popen(
        [*command, *map(str, wanted), "--sentences", str(sentences)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    seen, due = Seen(), 0.0
    with timed() as timer, (folder / "events.jsonl").open("w") as events:
        for line in process.stdout:
            events.write(line)
            events.flush()
            event = json.loads(line)
            if "surprise" in event:
                seen.surprises.append((float(event["start"]), float(event["surprise"])))
            if float(event["end"]) >= due:
                seen.memory.append((float(event["end"]), *_memory(process.pid)))
                due = max(due + STEP, event["end"])
    seen.seconds = timer.seconds
    if process.wait():
        raise SystemExit(f"{' '.join(command)} ended with status {process.returncode}")
    return seen


def _memory(pid: int) -> tuple[float, float]:
    """Resident MB of a process, and how many of these hold files."""
    values = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line
    )
    resident, files = (int(values[name].split()[0]) / 1024 for name in ("VmRSS", "RssFile"))
    return resident, files


def judged(stream: SceneStream, seen: Seen, *, learn: float) -> dict[str, object]:
    """Which surprises are false alarms, and which abnormal intervals were found, and when."""
    hours = (stream.normal_until - max(stream.learnt, learn)) / 3600
    starts = sorted(start for start, _ in seen.surprises)
    delays: list[float | None] = []
    for first, last in stream.abnormal:
        inside = [start for start in starts if first - AFTER <= start <= last + AFTER]
        delays.append(round(max(0.0, inside[0] - first), 2) if inside else None)
    false = [
        start
        for start in starts
        if not any(first - AFTER <= start <= last + AFTER for first, last in stream.abnormal)
    ]
    normal = [start for start in false if start < stream.normal_until]
    later = [resident for time, resident, _ in seen.memory if time > learn + STEP / 2]
    return {
        "normal hours after learning": round(hours, 2),
        "false alarms there": len(normal),
        "false alarms an hour": round(len(normal) / hours, 2) if hours > 0 else None,
        "false alarms in the test videos": len(false) - len(normal),
        "abnormal intervals": len(stream.abnormal),
        "found": sum(delay is not None for delay in delays),
        "seconds until each was found": delays,
        "MB of growth after learning": round(max(later) - later[0]) if later else None,
        "wall seconds": round(seen.seconds),
    }


if __name__ == "__main__":
    main()
