"""Processes of a run are found by what they are."""

import subprocess
import sys
import time

import pytest

from benchmarks.shared import ray_processes
from benchmarks.shared.processes import is_running
from jepa_retrieval.tasks.indexing.distributed.reaper import descendants

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")


def test_a_worker_and_its_decoder_are_found_and_killed() -> None:
    # A driver with a child that is called as Ray calls workers, and one of that.
    worker = "sleep 60 & exec -a 'ray::ShardWorker.embed' sleep 60"
    driver = subprocess.Popen(["bash", "-c", f'bash -c "{worker}"; true'])
    try:
        until = time.monotonic() + 30
        while not ray_processes.find(driver.pid, "decoder") and time.monotonic() < until:
            time.sleep(0.02)
        (found,) = ray_processes.find(driver.pid, "worker")
        (decoder,) = ray_processes.find(driver.pid, "decoder")
        assert descendants(driver.pid) == {found, decoder}
        assert ray_processes.find(driver.pid, "driver") == [driver.pid]
        assert ray_processes.find(driver.pid, "head") == []
        assert ray_processes.kill(decoder)
        assert ray_processes.kill(found)
        driver.wait(30)
        assert not is_running(found)
        assert not ray_processes.kill(driver.pid)
    finally:
        driver.kill()
        driver.wait()
