"""`jepa serve` as a process: it starts, answers, and stops when it is asked to."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from jepa_retrieval.serving.settings import let_idle_threads_sleep
from tests.cli.conftest import Jepa
from tests.conftest import REPOSITORY


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_it_answers_until_it_is_stopped(library: Path, stop: signal.Signals) -> None:
    command = [sys.executable, "-m", "cli.main", "serve", "--index", library, "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=REPOSITORY) as process:
        try:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["url"]
            answer = httpx.post(f"{url}v1/search", json={"query": "a cat", "top_k": 1}, timeout=120)
            page = httpx.get(url, timeout=120)
            process.send_signal(stop)
            _, said = process.communicate(timeout=120)
        finally:
            process.kill()

    assert answer.json()["data"][0]["path"].startswith("photos/c")  # the cat, under either of its two names
    assert "<title>" in page.text
    assert said == b""


def test_idle_threads_sleep_unless_the_user_chose_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    let_idle_threads_sleep()
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"
    monkeypatch.delenv("OMP_WAIT_POLICY")
    let_idle_threads_sleep()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"


def test_other_machines_need_a_token(jepa: Jepa, library: Path, tmp_path: Path) -> None:
    without = jepa("serve", "--index", library, "--host", "0.0.0.0")
    short = tmp_path / "token"
    short.write_text("short")
    with_short = jepa("serve", "--index", library, "--host", "0.0.0.0", "--token-file", short)
    missing = jepa("serve", "--index", library, "--token-file", tmp_path / "none")

    assert (without.status, with_short.status, missing.status) == (2, 2, 2)
    assert "needs a token" in without.err
    assert "at least 16" in with_short.err
    assert "--token-file" in missing.err


def test_a_port_an_index_and_a_stream_that_cannot_be_used_are_named(
    jepa: Jepa, library: Path, tmp_path: Path
) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as other:
        used = jepa("serve", "--index", library, "--port", other.getsockname()[1])
    missing = jepa("serve", "--index", tmp_path, "--port", "0")
    no_stream = jepa("serve", "--index", library, "--port", "0", "--watch", "nonsense")

    assert "already in use" in used.err
    assert str(tmp_path) in missing.err
    assert no_stream.err.startswith("Error: --watch nonsense: no such file or folder (allowed: ")
    assert (used.status, missing.status, no_stream.status) == (2, 2, 2)


def test_without_the_extra_it_says_what_to_install(
    jepa: Jepa, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jepa_retrieval.serving.settings._NEEDED", ("fastapi", "a_package_that_is_missing"))

    done = jepa("serve", "--index", library)

    assert done.status == 2
    assert "a_package_that_is_missing" in done.err
    assert "pip install 'jepa-retrieval[serve]'" in done.err


def test_searching_imports_nothing_of_the_server(library: Path) -> None:
    code = (
        "import sys; from cli.main import main; "
        f"main(['search', 'a cat', '--index', {str(library)!r}]); "
        "print(*(set(sys.modules) & {'fastapi', 'starlette', 'uvicorn', 'mcp', 'prometheus_client'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )

    assert done.stdout.splitlines()[-1] == ""


def test_the_configuration_for_clients_starts_the_tools(jepa: Jepa, library: Path) -> None:
    done = jepa("mcp", "--index", library, "--print-config")

    entry = json.loads(done.out)["mcpServers"]["jepa"]
    assert entry["args"][-3:] == ["mcp", "--index", str(library)]
    assert Path(entry["command"]).is_absolute()
    assert done.status == 0
