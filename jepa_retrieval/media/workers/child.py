"""What the processes that run modules of this package have in common: how they find it, and what they may use."""

from __future__ import annotations

import os
from pathlib import Path

from jepa_retrieval.media.limits import MAX_WORKER_BYTES


def module_environment() -> dict[str, str]:
    """The environment for `python -m` with a module of this package, wherever it was imported from."""
    package_root = str(Path(__file__).parents[3])
    paths = [package_root, os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def decoder_environment() -> dict[str, str]:
    """The same for a process that decodes: one of several, each with one thread for arithmetic."""
    return {**module_environment(), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def limit_memory() -> None:
    """Bound the address space of this process by `limits.MAX_WORKER_BYTES`."""
    try:
        import resource

        limit = MAX_WORKER_BYTES.value
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    except (ImportError, ValueError, OSError):
        return  # Windows has no such limit, macOS may refuse it
