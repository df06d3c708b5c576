"""Runs a script in several processes that train together, as torchrun does."""

import os
import subprocess
import sys

from tests.conftest import REPOSITORY


def run_together(
    script: str, *arguments: object, processes: int = 2, timeout: float = 200
) -> subprocess.CompletedProcess[str]:
    """Run a script in processes on the CPU, with a thread each, and wait for them."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    return subprocess.run(
        [*torchrun, "--nproc-per-node", str(processes), script, *map(str, arguments)],
        cwd=REPOSITORY,
        env={
            **os.environ,
            "PYTHONPATH": str(REPOSITORY),
            "OMP_NUM_THREADS": "1",
            "CUDA_VISIBLE_DEVICES": "",
        },
        capture_output=True,
        text=True,
        timeout=timeout,
    )
