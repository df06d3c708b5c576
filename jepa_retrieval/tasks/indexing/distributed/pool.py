"""Ray actors that come and go: which of them work, which wait, and what each has to say."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any, Literal

from jepa_retrieval.errors import ClusterError, JepaError
from jepa_retrieval.tasks.indexing.distributed.cluster import Shares
from jepa_retrieval.tasks.indexing.distributed.shards import Shard
from jepa_retrieval.tasks.indexing.distributed.worker import ShardResult, ShardWorker, WorkerSettings
from jepa_retrieval.tasks.indexing.report import IndexProgress

logger = logging.getLogger(__name__)

MAX_FAILED_STARTS = 5  # of workers, one after the other
_WAIT_SECONDS = 0.5

Call = Literal["identity", "embed", "progress"]


@dataclass(slots=True, eq=False)
class Worker:
    """One actor, as the driver knows it."""

    actor: Any
    host: str = ""
    pid: int = 0
    shard: Shard | None = None
    progress: IndexProgress | None = None
    calls: dict[Any, Call] = field(default_factory=dict)  # Ray's references of answers to come


@dataclass(frozen=True, slots=True)
class Done:
    """A shard that a worker has embedded."""

    shard: Shard
    result: ShardResult


@dataclass(frozen=True, slots=True)
class Lost:
    """A shard whose worker has died, or could not do it."""

    shard: Shard
    worker: str
    reason: str


class WorkerPool:
    """As many workers as the cluster has room for, up to a number; those that die are replaced.

    Ray starts workers when there is room, so that two runs on one cluster do not wait for each other's workers.

    Args:
        ray: the module, connected.
        settings: of every worker.
        shares: how many there are, and what each reserves.
    """

    def __init__(self, ray: Any, settings: WorkerSettings, shares: Shares) -> None:
        self._ray = ray
        self._settings = settings
        self._failed_starts = 0
        self._class = ray.remote(ShardWorker).options(
            num_cpus=shares.cpus,
            num_gpus=shares.gpus,
            max_concurrency=2,  # it embeds, and tells how far it is
            max_restarts=0,
        )
        self.workers: list[Worker] = []
        for _ in range(shares.workers):
            self._start()

    def idle(self) -> list[Worker]:
        """Workers that have started and wait for a shard."""
        return [worker for worker in self.workers if worker.pid and worker.shard is None]

    def assign(self, worker: Worker, shard: Shard) -> None:
        """Let a worker that waits embed a shard."""
        worker.shard, worker.progress = shard, None
        worker.calls[worker.actor.embed.remote(shard.files)] = "embed"

    def wait(self) -> list[Done | Lost]:
        """Wait a moment, and tell what has become of shards.

        Raises:
            JepaError: no worker can be started.
            ClusterError: the cluster is gone.
        """
        for worker in self.workers:
            if worker.shard is not None and "progress" not in worker.calls.values():
                worker.calls[worker.actor.progress.remote()] = "progress"
        owners = {call: worker for worker in self.workers for call in worker.calls}
        slow = [call for call, worker in owners.items() if worker.calls[call] != "progress"]
        self._ray.wait(slow, num_returns=1, timeout=_WAIT_SECONDS)
        answered, _ = self._ray.wait(list(owners), num_returns=len(owners), timeout=0)
        outcomes = [self._take(owners[call], call) for call in answered if call in owners[call].calls]
        return [outcome for outcome in outcomes if outcome is not None]

    def close(self) -> None:
        """End all workers."""
        for worker in self.workers:
            self._ray.kill(worker.actor)
        self.workers = []

    def _start(self) -> None:
        worker = Worker(self._class.remote(self._settings))
        worker.calls[worker.actor.identity.remote()] = "identity"
        self.workers.append(worker)

    def _take(self, worker: Worker, call: Any) -> Done | Lost | None:
        kind = worker.calls.pop(call)
        try:
            value = self._ray.get(call)
        except self._ray.exceptions.LocalRayletDiedError as error:
            raise ClusterError("the Ray cluster is gone") from error
        except (self._ray.exceptions.RayError, JepaError) as error:
            return self._replace(worker, error)
        if kind == "identity":
            worker.host, worker.pid = value
            self._failed_starts = 0
        elif kind == "progress":
            worker.progress = value
        else:
            shard, worker.shard = worker.shard, None
            assert shard is not None  # a worker that embeds has one
            return Done(shard, value)
        return None

    def _replace(self, worker: Worker, error: Exception) -> Lost | None:
        """Start another worker in place of one that has died or failed."""
        worker.calls.clear()
        self.workers.remove(worker)
        self._ray.kill(worker.actor)
        reason = _first_line(error)
        if not worker.pid:
            self._failed_starts += 1
            if self._failed_starts >= MAX_FAILED_STARTS:
                cause = error.cause if isinstance(error, self._ray.exceptions.RayTaskError) else error
                raise cause if isinstance(cause, JepaError) else ClusterError(f"no worker starts: {reason}")
        logger.info("worker %s:%d ended: %s", worker.host, worker.pid, reason)
        self._start()
        return Lost(worker.shard, f"{worker.host}:{worker.pid}", reason) if worker.shard is not None else None


def _first_line(error: Exception) -> str:
    cause = getattr(error, "cause", None)
    text = str(cause if isinstance(cause, Exception) else error).strip()
    return text.splitlines()[0].rstrip(".:") if text else type(error).__name__
