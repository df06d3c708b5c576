"""Whether anything is lost or stored twice when processes of a distributed run are killed at random.

    python -m benchmarks.studies.kills [--kills 25] [--seed 0] [--photographs 400]

The Panda-70M samples and photographs are indexed by `jepa index --distributed ray --workers 2`, again and again,
while its processes are killed: workers, their decoders, the driver at any time and inside commits, the head of the
cluster. Meanwhile the index is searched. Whenever a run ends by itself, the index must be that of a plain run, and
free of problems; if kills are left then, a new index is begun. Linux only.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.shared import ray_processes
from benchmarks.shared.common import print_table, save_result
from benchmarks.shared.processes import is_running, jepa_program
from benchmarks.shared.ray_processes import Kind
from benchmarks.shared.small_library import Content, make_folder
from jepa_retrieval.errors import JepaError
from jepa_retrieval.library import Library
from jepa_retrieval.tasks.indexing.distributed.reaper import descendants

WHAT: dict[str, Kind] = {
    "worker": "worker",
    "decoder": "decoder",
    "driver": "driver",
    "driver in a commit": "driver",
    "head": "head",
    "raylet": "raylet",
}
WEIGHTS = (7, 6, 4, 4, 2, 2)
ENDS_THE_RUN = ("driver", "driver in a commit", "head", "raylet")
MAX_DELAY = 6.0  # seconds until a kill
COMMIT_SECONDS = 0.08  # about as long as a commit takes
MAX_STARTS = 5  # of runs without a kill: a busy machine may be too slow for Ray
END_SECONDS = 180.0  # in which a driver ends whose cluster is gone, and processes whose driver is


@dataclass
class Study:
    """Runs over one folder of media into one index after the other, and what became of them."""

    media: Path
    scratch: Path
    plain: Content
    shard_files: int
    began: float = field(default_factory=time.monotonic)
    kills: list[list[str]] = field(default_factory=list)  # rows of the table
    problems: list[str] = field(default_factory=list)
    below: set[int] = field(default_factory=set)  # all processes of all runs
    indexes: int = 0
    runs: int = 0
    driver: subprocess.Popen[str] | None = None

    @property
    def index(self) -> Path:
        """The index that is being made."""
        return self.scratch / f"index-{self.indexes}"

    def run(self) -> subprocess.Popen[str]:
        """The run that goes on, or a new one, on what the last one has left."""
        if self.driver is None:
            if not self.index.exists():
                Library.create(self.media, index=self.index)
            self.runs += 1
            with (self.scratch / "messages").open("w") as messages:
                self.driver = subprocess.Popen(self.command, stdout=messages, stderr=messages, text=True)
        return self.driver

    @property
    def command(self) -> list[str]:
        """Of a run."""
        options = ["--index", str(self.index), "--workers", "2", "--shard-files", str(self.shard_files)]
        return [jepa_program(), "index", str(self.media), "--distributed", "ray", "--retry-failed", *options]

    def kill(self, what: str, delay: float, moment: float) -> bool:
        """Kill one process; False if the run ends before there is one.

        Args:
            what: a name of `WHAT`.
            delay: seconds to wait before.
            moment: of the process among those of its kind, and of a commit, 0 to 1.
        """
        driver = self.run()
        _wait(lambda: False, driver, delay)
        if what == "driver in a commit":
            before = _fragments(self.index)
            if not _wait(lambda: _fragments(self.index) != before, driver, END_SECONDS, step=0.001):
                return False
            time.sleep(moment * COMMIT_SECONDS)
        _wait(lambda: bool(ray_processes.find(driver.pid, WHAT[what])), driver, END_SECONDS)
        found = ray_processes.find(driver.pid, WHAT[what])
        self.below.update(descendants(driver.pid))
        if not found or driver.poll() is not None:
            return False
        pid = found[int(moment * len(found))]
        if not ray_processes.kill(pid):
            return False
        at, files = time.monotonic() - self.began, len(Library.open(self.index).records.known_files())
        ended = self._end() if what in ENDS_THE_RUN else ""
        self.kills.append([f"{at:.0f}", str(self.indexes), what, str(files), ended])
        print("kill", len(self.kills), *self.kills[-1], sep="\t", flush=True)
        return True

    def _end(self) -> str:
        """Wait for the end of the run whose driver or cluster was killed; how it ended."""
        driver = self.run()
        began = time.monotonic()
        try:
            status = driver.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.problems.append(f"the driver went on for {END_SECONDS:.0f} s without its cluster")
            driver.kill()
            status = driver.wait()
        self.driver = None
        return f"status {status} after {time.monotonic() - began:.0f} s {self._said() if status > 0 else ''}".strip()

    def _said(self) -> str:
        """The last line that a run has printed."""
        return "".join((self.scratch / "messages").read_text().strip().splitlines()[-1:])

    def finish(self) -> None:
        """Let the run end, once more if need be, and check the index; the next one is a new one."""
        for _ in range(MAX_STARTS):
            status = self.run().wait()
            self.driver = None
            if status == 0:
                break
            print("a run ended with status", status, self._said(), flush=True)
        else:
            self.problems.append(f"{MAX_STARTS} runs ended early: {self._said()}")
        self.problems += Content.of(self.index).difference(self.plain)
        self.problems += [
            f"{problem.what}: {problem.detail}" for problem in Library.open(self.index).verify()
        ]
        print("index", self.indexes, "is complete; problems:", self.problems or "none", flush=True)
        self.indexes += 1

    def seconds_of_nothing(self) -> float:
        """How long a run takes that has nothing to do."""
        self.indexes -= 1
        began = time.monotonic()
        subprocess.run(self.command, check=True, capture_output=True)
        return time.monotonic() - began


def _wait(
    until: Callable[[], bool], driver: subprocess.Popen[str], seconds: float, *, step: float = 0.05
) -> bool:
    """Wait for something while the driver runs; whether it came."""
    end = time.monotonic() + seconds
    while driver.poll() is None and time.monotonic() < end:
        if until():
            return True
        time.sleep(step)
    return False


def _fragments(index: Path) -> int:
    """Files of the table of clips: one more is there before the commit that names it."""
    with suppress(FileNotFoundError):
        return sum(1 for _ in (index / "clips.lance" / "data").iterdir())
    return 0


class Searches(threading.Thread):
    """Searches the index that is being made, in a newly opened library each time, until it is ended."""

    def __init__(self, study: Study) -> None:
        super().__init__(daemon=True)
        self._study = study
        self._ended = threading.Event()
        self.answered = 0
        self.failed: list[str] = []
        self.slowest = 0.0  # seconds

    def run(self) -> None:
        """Search about once a second."""
        while not self._ended.wait(1.0):
            folder = self._study.index
            if not folder.exists():
                continue
            began = time.monotonic()
            try:
                library = Library.open(folder)
                there = library.records.count_clips()
                found = library.search("a man talks", top=5).hits
            except JepaError as error:
                self.failed.append(str(error))
                continue
            if there and not found:
                self.failed.append(f"nothing found among {there} clips")
            self.slowest = max(self.slowest, time.monotonic() - began)
            self.answered += 1

    def end(self) -> None:
        """Wait for the last search."""
        self._ended.set()
        self.join()


def main() -> None:
    """Index without kills, then with them, and print every kill."""
    options = _arguments()
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory(dir=options.scratch) as name:
        scratch = Path(name)
        media = make_folder(scratch / "media", videos=options.videos, photographs=options.photographs)
        Library.create(media, index=scratch / "plain").index()
        study = Study(media, scratch, Content.of(scratch / "plain"), options.shard_files)
        searches = Searches(study)
        searches.start()
        while len(study.kills) < options.kills and time.monotonic() - study.began < options.minutes * 60:
            (what,) = chance.choices(list(WHAT), WEIGHTS)
            if not study.kill(what, chance.uniform(0, MAX_DELAY), chance.random()):
                study.finish()
        if study.driver is not None or study.index.exists():
            study.finish()
        searches.end()
        nothing = study.seconds_of_nothing()
        left = _left(study.below)
    print_table(["s", "index", "killed", "files in the index", "the run"], study.kills)
    found = {
        "problems": study.problems,
        "kills": len(study.kills),
        "indexes": study.indexes + 1,
        "runs": study.runs,
        "searches": searches.answered,
        "searches that failed": searches.failed,
        "slowest search, s": round(searches.slowest, 2),
        "processes left": left,
        "a run with nothing to do, s": round(nothing, 1),
    }
    print_table(["what", "found"], [[key, value or "none"] for key, value in found.items()])
    print(save_result("kills", {"seed": options.seed, "rows": study.kills, **found}))
    if study.problems or searches.failed or left:
        raise SystemExit(1)


def _left(pids: set[int]) -> int:
    """How many of the processes of all runs are still there, after as long as they may take."""
    end = time.monotonic() + END_SECONDS
    while (count := sum(map(is_running, pids))) and time.monotonic() < end:
        time.sleep(1.0)
    return count


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--videos", type=int, default=132)
    parser.add_argument("--photographs", type=int, default=400)
    parser.add_argument("--shard-files", type=int, default=12)
    parser.add_argument("--minutes", type=float, default=60.0, help="no kill after so long")
    parser.add_argument("--scratch", type=Path, help="folder for what is made; the system's if left out")
    return parser.parse_args()


if __name__ == "__main__":
    main()
