"""The Ray cluster that a distributed run uses: one that is there, or one on this machine for the time of the run."""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from indexes.reasons import reason
from jepa_retrieval.errors import ClusterError, UsageError
from jepa_retrieval.tasks.indexing.distributed.head import require_head, with_port
from jepa_retrieval.tasks.indexing.distributed.reaper import Reaper

MAX_CPUS_PER_WORKER = 2  # of a worker without a GPU: more workers are faster than larger ones
MAX_CPUS_PER_GPU = 16  # that decode for one GPU


@dataclass(frozen=True, slots=True)
class Shares:
    """How many workers a run has, and what each of them reserves."""

    workers: int
    cpus: int
    gpus: float


def require_ray() -> None:
    """Raise UsageError with the remedy if Ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        raise UsageError(
            "indexing with Ray needs a package that is not installed (ray): pip install 'jepa-retrieval[distributed]'"
        )


def share_out(*, cpus: float, gpus: float, workers: int | None) -> Shares:
    """Divide a cluster among workers.

    Args:
        cpus: of the whole cluster.
        gpus: of the whole cluster.
        workers: how many are wanted; None: one for each GPU, without any one for every two processor cores.
    """
    count = workers or int(gpus) or max(1, int(cpus) // MAX_CPUS_PER_WORKER)
    most = MAX_CPUS_PER_GPU if gpus else MAX_CPUS_PER_WORKER
    return Shares(count, max(1, min(most, int(cpus) // count)), min(1.0, int(gpus) / count))


@contextmanager
def connected(address: str | None, *, workers: int | None) -> Iterator[Any]:
    """The module `ray`, connected to a cluster; a cluster that was started for it ends with the block.

    A connection that this program has already is used, and stays.

    Args:
        address: "auto" for the cluster that this machine belongs to, a host with or without a port for another one;
            None starts one on this machine.
        workers: how many are wanted.

    Raises:
        UsageError: Ray is not installed, or this program is connected to another cluster than the one wanted.
        ClusterError: there is no cluster, or it cannot be reached.
    """
    require_ray()
    # Ray reports its use to its makers unless it is told not to.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    if ray.is_initialized():
        _require_same(ray, address)
        yield ray
        return
    # The names of sockets in it are limited to 107 bytes, and $TMPDIR may be long.
    folder = "/tmp" if os.path.isdir("/tmp") else None  # noqa: PTH112
    logs = tempfile.mkdtemp(prefix="jepa-ray-", dir=folder) if address is None else None
    reaper = None if logs is None else Reaper(logs)
    try:
        with _signals_kept():
            _connect(ray, address, logs, workers)
        with reaper or nullcontext():
            yield ray
    except BaseException:
        if (
            reaper is not None and not ray.is_initialized()
        ):  # Ray leaves what it had started when it is interrupted
            reaper.end_now()
        raise
    finally:
        ray.shutdown()
        if logs is not None:
            shutil.rmtree(logs, ignore_errors=True)


def _require_same(ray: Any, address: str | None) -> None:
    """Raise UsageError if the program is connected to another cluster than the one at `address`."""
    here = ray.get_runtime_context().gcs_address
    if address not in (None, "auto") and with_port(str(address)) != here:
        raise UsageError(
            f"this program is connected to the Ray cluster at {here}, not to {address}: call ray.shutdown() before"
        )


def _connect(ray: Any, address: str | None, logs: str | None, workers: int | None) -> None:
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if logs is not None:
            cores = max(os.cpu_count() or 1, workers or 1)
            ray.init(num_cpus=cores, include_dashboard=False, _temp_dir=logs, **quiet)
        else:
            head = with_port(str(address))
            require_head(head)
            ray.init(address=head, runtime_env=_environment(), **quiet)
    except Exception as error:  # Ray raises plain ones too, such as when the machine is too busy to start it
        where = f"the Ray cluster at {address}" if address else "a Ray cluster on this machine"
        raise ClusterError(f"{where} cannot be used: {reason(error)}") from error


@contextmanager
def _signals_kept() -> Iterator[None]:
    """What SIGTERM does stays as it is: Ray would print its own stack and abort."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if before is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


def _environment() -> dict[str, dict[str, str]]:
    """The settings of this program that hold on other machines too."""
    kept = ("JEPA_DECODER", "JEPA_DEVICE", "JEPA_MAX_")
    return {"env_vars": {name: value for name, value in os.environ.items() if name.startswith(kept)}}
