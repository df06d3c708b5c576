"""Jobs: progress, cancelling, and what a violent end leaves behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from indexes import IndexLockedError
from jepa_retrieval.library import Library
from jepa_retrieval.serving.settings import ServeSettings
from tests.conftest import REPOSITORY
from tests.jepa_retrieval.serving.conftest import Running, serving
from tests.media_factory import make_video
from tests.real_media import photograph
from tests.waiting import MAX_SECONDS, wait_for

pytestmark = pytest.mark.long


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty index beside a photograph that is not in it yet."""
    folder = tmp_path / "media"
    folder.mkdir()
    shutil.copy(photograph("chelsea.png"), folder)
    Library.create(folder)
    return folder


def make_long(folder: Path) -> None:
    """Files that keep an indexing run busy for a while."""
    first = make_video(folder / "0.mp4", seconds=60, size=(320, 192), gop=10)
    for number in range(1, 40):
        os.link(first, folder / f"{number}.mp4")


def events(client: httpx.Client, job: dict[str, Any]) -> list[dict[str, Any]]:
    """All events of a job until it is over."""
    found = []
    with client.stream("GET", job["events_url"]) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line.startswith("data:"):
                found.append(json.loads(line.removeprefix("data:")))
    return found


def wait_until_running(running: Running, job: dict[str, Any]) -> None:
    now = wait_for(lambda: begun(running.client, job))
    assert now["state"] == "running", now


def begun(client: httpx.Client, job: dict[str, Any]) -> dict[str, Any] | None:
    """The job once it tells its progress, or has ended."""
    now: dict[str, Any] = client.get(f"/v1/jobs/{job['id']}").json()
    return now if now["progress"] is not None or now["state"] not in ("waiting", "running") else None


def test_indexing_tells_its_progress_and_is_searchable_at_once(folder: Path) -> None:
    with serving(ServeSettings(indexes=[folder], port=0, refresh_seconds=3600)) as running:
        started = running.client.post("/v1/jobs/index", json={})
        job = started.json()
        told = events(running.client, job)
        again = events(running.client, job)  # as after a reload of the page
        found = running.client.post("/v1/search", json={"query": "a cat"}).json()["data"]
        listed = running.client.get("/v1/jobs").json()["data"]
        optimized = events(running.client, running.client.post("/v1/jobs/optimize", json={}).json())

    assert started.status_code == 202
    assert started.headers["location"] == f"/v1/jobs/{job['id']}"
    assert told[-1]["state"] == "done"
    assert told[-1]["result"]["indexed"] == 1
    assert [one["state"] for one in again] == ["done"]
    assert [hit["path"] for hit in found] == ["chelsea.png"]
    assert listed[0]["id"] == job["id"]
    assert optimized[-1]["state"] == "done"


def test_a_job_is_cancelled_and_an_equal_one_is_not_started_twice(folder: Path) -> None:
    make_long(folder)
    with serving(ServeSettings(indexes=[folder], port=0)) as running:
        job = running.client.post("/v1/jobs/index", json={}).json()
        again = running.client.post("/v1/jobs/index", json={}).json()
        wait_until_running(running, job)
        cancelled = running.client.delete(f"/v1/jobs/{job['id']}").json()
        searched = running.client.post("/v1/search", json={"query": "a cat"})

    assert again["id"] == job["id"]
    assert cancelled["state"] == "cancelled"
    assert searched.status_code == 200
    assert Library.open(folder).verify() == []


def test_killing_a_job_leaves_a_good_index_and_a_server_that_answers(folder: Path) -> None:
    make_long(folder)
    with serving(ServeSettings(indexes=[folder], port=0)) as running:
        job = running.client.post("/v1/jobs/index", json={}).json()
        wait_until_running(running, job)
        process = running.services.jobs.get(job["id"]).process
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        told = events(running.client, job)
        searched = running.client.post("/v1/search", json={"query": "a cat"})

    assert told[-1]["state"] == "failed"
    assert "-9" in told[-1]["error"]
    assert searched.status_code == 200
    assert Library.open(folder).verify() == []


def test_killing_the_server_ends_its_job(folder: Path) -> None:
    make_long(folder)
    command = [sys.executable, "-m", "cli.main", "serve", "--index", folder, "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=REPOSITORY) as process:
        try:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["url"]
            with httpx.Client(base_url=url, timeout=MAX_SECONDS) as client:
                job = client.post("/v1/jobs/index", json={}).json()
                assert wait_for(lambda: begun(client, job))["state"] == "running"
        finally:
            process.kill()
    wait_for(lambda: is_unlocked(folder))  # once the process of the job has ended

    assert Library.open(folder).verify() == []


def is_unlocked(folder: Path) -> bool:
    try:
        with Library.open(folder).records.writer():
            return True
    except IndexLockedError:
        return False


def test_a_read_only_server_starts_nothing(folder: Path) -> None:
    with serving(ServeSettings(indexes=[folder], port=0, read_only=True)) as running:
        refused = running.client.post("/v1/jobs/index", json={})
        status = running.client.get("/v1/indexes").json()

    assert refused.status_code == 403
    assert status["read_only"] is True


def test_unknown_jobs_and_indexes_are_problems(client: httpx.Client) -> None:
    assert client.get("/v1/jobs/none").status_code == 404
    assert client.get("/v1/jobs/none/events").status_code == 404
    assert client.delete("/v1/jobs/none").status_code == 404
    assert client.post("/v1/jobs/index", json={"index": "another"}).status_code == 422
