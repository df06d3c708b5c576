"""The jobs of a server: started, followed, cancelled. One at a time works on an index."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
import sys
import time
import uuid
from collections import OrderedDict, defaultdict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import anyio

from indexes.schema import utc_time
from jepa_retrieval.errors import JepaError
from jepa_retrieval.media.workers.child import module_environment
from jepa_retrieval.serving.jobs.process import CANCELLED
from jepa_retrieval.serving.problems import ProblemError
from jepa_retrieval.serving.schemas.jobs import JobItem, JobKind, JobState
from jepa_retrieval.serving.served import ServedIndex

logger = logging.getLogger(__name__)

MAX_KEPT = 200  # jobs that have ended
MAX_WAITING = 20
_GRACE = 5.0  # seconds that a cancelled job may take to end
_LINE_BYTES = 8 * 2**20


@dataclass(slots=True, eq=False)
class Job:
    """One job."""

    kind: JobKind
    served: ServedIndex
    options: dict[str, Any]
    hide_paths: Callable[[str], str]
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    state: JobState = "waiting"
    created: str = field(default_factory=lambda: _now())
    ended: str | None = None
    progress: dict[str, Any] | None = None
    result: dict[str, Any] | None = None
    error: str | None = None
    is_cancelled: bool = False  # it has been asked to end
    version: int = 0  # counts changes
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    process: asyncio.subprocess.Process | None = None
    task: asyncio.Task[None] | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing of it will change any more."""
        return self.ended is not None

    def item(self) -> JobItem:
        """As clients see it."""
        return JobItem(
            id=self.id,
            kind=self.kind,
            index=self.served.name,
            state=self.state,
            created=self.created,
            ended=self.ended,
            progress=self.progress,
            result=self.result,
            error=self.error,
            events_url=f"/v1/jobs/{self.id}/events",
        )

    def tell(self, **changes: Any) -> None:
        """Change fields, and wake those who follow the job."""
        for name, value in changes.items():
            setattr(self, name, value)
        self.version += 1
        before, self.changed = self.changed, asyncio.Event()
        before.set()

    async def follow(self) -> AsyncIterator[JobItem]:
        """The job now, and after every change until it is over."""
        seen = -1
        while True:
            changed = self.changed
            if self.version != seen:
                seen = self.version
                yield self.item()
            if self.is_over:
                return
            await changed.wait()


class Jobs:
    """All jobs since the server was started."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._turns: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)  # by index

    @property
    def running(self) -> int:
        """How many are at work."""
        return sum(job.state == "running" for job in self._jobs.values())

    def start(
        self, kind: JobKind, served: ServedIndex, options: dict[str, Any], hide_paths: Callable[[str], str]
    ) -> Job:
        """Start a job; an equal one that has not ended is returned instead of a second one.

        Raises:
            ProblemError: too many are waiting.
        """
        unfinished = [job for job in self._jobs.values() if not job.is_over]
        for job in unfinished:
            if (job.kind, job.served, job.options) == (kind, served, options):
                return job
        if len(unfinished) >= MAX_WAITING:
            raise ProblemError(503, "too many jobs are waiting", {"Retry-After": "30"})
        job = Job(kind, served, options, hide_paths)
        self._jobs[job.id] = job
        self._forget_old()
        job.task = asyncio.create_task(self._run(job))
        return job

    def get(self, job_id: str) -> Job:
        """A job by its id.

        Raises:
            ProblemError: there is none.
        """
        if job_id not in self._jobs:
            raise ProblemError(404, "there is no such job; jobs are forgotten when the server ends")
        return self._jobs[job_id]

    def all(self) -> list[Job]:
        """The newest first."""
        return list(reversed(self._jobs.values()))

    async def cancel(self, job: Job) -> None:
        """End a job; what it has done is kept."""
        if job.is_over:
            return
        job.is_cancelled = True
        if job.process is not None:
            await _end(job.process)
        elif job.task is not None:
            job.task.cancel()
        if job.task is not None:
            await asyncio.wait([job.task], timeout=2 * _GRACE)

    async def close(self) -> None:
        """End all of them."""
        await asyncio.gather(*(self.cancel(job) for job in self._jobs.values()))

    async def _run(self, job: Job) -> None:
        try:
            async with self._turns[job.served.number]:
                await _work(job)
        except asyncio.CancelledError:
            job.tell(state="cancelled", ended=_now())
        except Exception as error:
            logger.exception("job %s", job.id)
            job.tell(state="failed", ended=_now(), error=f"unexpected {type(error).__name__}")

    def _forget_old(self) -> None:
        over = [job.id for job in self._jobs.values() if job.is_over]
        for job_id in over[: max(0, len(over) - MAX_KEPT)]:
            del self._jobs[job_id]


async def _work(job: Job) -> None:
    """Start the process of a job and pass on what it tells."""
    job.process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "jepa_retrieval.serving.jobs.process",
        job.kind,
        str(job.served.place),
        json.dumps(job.options),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=module_environment(),
        limit=_LINE_BYTES,
    )
    job.tell(state="running")
    assert job.process.stdout is not None
    result = error = None
    async for line in job.process.stdout:
        told = json.loads(line)
        if "progress" in told:
            job.tell(progress=told["progress"])
        result, error = told.get("result", result), told.get("error", error)
    status = await job.process.wait()
    await _take_up(job.served)
    if result is not None:
        job.tell(state="done", ended=_now(), result=result)
    elif job.is_cancelled or status in (CANCELLED, -signal.SIGINT):
        job.tell(state="cancelled", ended=_now())
    else:
        said = error or f"its process ended with status {status}; what was done before is kept"
        job.tell(state="failed", ended=_now(), error=job.hide_paths(said))


async def _take_up(served: ServedIndex) -> None:
    """Let searches find what a job has done, before anyone is told that it is over."""
    try:
        await anyio.to_thread.run_sync(partial(served.refresh, at_once=True))
    except JepaError as error:
        logger.warning("%s is answered from its last good commit: %s", served.name, error)


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
    try:
        await asyncio.wait_for(process.wait(), _GRACE)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()


def _now() -> str:
    return utc_time(time.time_ns())
