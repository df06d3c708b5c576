"""What an indexing run tells: while it works, and at its end."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from jepa_retrieval.tasks.indexing.absence import AbsentFolder
from jepa_retrieval.tasks.indexing.failures import FileFailure
from jepa_retrieval.tasks.indexing.plan import Plan


@dataclass(frozen=True, slots=True)
class WorkerProgress:
    """What one worker of a distributed run is doing."""

    host: str
    pid: int
    files_done: int  # of its shard
    files_total: int
    current: str  # path of a file that it works on


@dataclass(frozen=True, slots=True)
class IndexProgress:
    """The state of an indexing run; passed to `on_progress` after every step."""

    files_done: int
    files_total: int
    media_seconds: float  # video embedded so far
    clips: int  # stored by this run so far
    failed: int
    current: str  # path of the file that was worked on last
    elapsed: float  # seconds since the run began
    workers: tuple[WorkerProgress, ...] = ()  # of a distributed run, those that have a shard


ProgressCallback = Callable[[IndexProgress], None]


@dataclass(slots=True)
class IndexReport:
    """What an indexing run did."""

    indexed: int = 0
    unchanged: int = 0
    moved: int = 0
    removed: int = 0
    partial: list[FileFailure] = field(default_factory=list)  # indexed as far as they could be read
    warnings: list[FileFailure] = field(default_factory=list)  # indexed whole, with harmless problems
    failed: list[FileFailure] = field(default_factory=list)
    failed_before: int = 0  # files that failed in an earlier run, have not changed and were not tried again
    partial_before: int = 0  # of the unchanged files, those that were indexed in part in an earlier run
    absent: list[AbsentFolder] = field(
        default_factory=list
    )  # whose files are kept, though they are not there
    unselected: int = 0  # files that are kept, though the options of this run do not select them
    left_out: dict[str, int] = field(default_factory=dict)  # files and folders left out on purpose, by reason
    unmatched_patterns: list[str] = field(default_factory=list)  # of `include` and `exclude`
    clips: int = 0  # in the whole index after the run
    seconds: float = 0.0
    captioned: int = 0  # clips that were given a sentence
    spoken: int = 0  # files of which it is known now what is said
    unheard: list[FileFailure] = field(
        default_factory=list
    )  # whose sound could not be read, or not all of it
    read: int = 0  # files of which it is known now what is written in them
    unread: list[FileFailure] = field(default_factory=list)  # whose pictures could not be read for that
    fetched: int = 0  # bytes that were read of indexed files in stores, ...
    fetched_of: int = 0  # ... and the bytes that these files have
    to_look_at: dict[str, int] = field(
        default_factory=dict
    )  # of a dry run: files that it would listen to ("speech") or read ("writing")
    planned: Plan | None = None  # set by a dry run, which does nothing else

    def add_partial(self, found: Sequence[FileFailure], plan: Plan, before: Collection[str]) -> None:
        """Count files that turned out, after they were indexed, to be readable only in part.

        Args:
            found: each with all that it lacks; it replaces what was known.
            plan: of the run; of files that it did not index, the number is counted there.
            before: stored paths of the files that were partial already.
        """
        now = {failure.path: failure for failure in found}
        self.partial = [failure for failure in self.partial if failure.path not in now]
        self.partial += [failure for path, failure in now.items() if path in plan.embed]
        plan.partial_before += len(now.keys() - plan.embed.keys() - set(before))
