"""Whether the head of a cluster answers: said in one sentence, and soon, whatever is at the address."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from jepa_retrieval.errors import ClusterError
from jepa_retrieval.tasks.indexing.distributed import head
from jepa_retrieval.tasks.indexing.distributed.cluster import connected
from jepa_retrieval.tasks.indexing.distributed.head import require_head, with_port
from tests.media_factory import RED, make_picture

pytest.importorskip("ray")


@pytest.mark.parametrize(
    ("address", "whole"),
    [
        ("auto", "auto"),
        ("node", "node:6379"),
        ("10.0.0.1:7000", "10.0.0.1:7000"),
        ("ray://node", "ray://node"),
    ],
)
def test_a_host_gets_the_port_of_a_head(address: str, whole: str) -> None:
    assert with_port(address) == whole


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "nohost.invalid:6379"])
def test_where_nothing_is_no_connection_is_made(address: str) -> None:
    with pytest.raises(OSError, match=r"refused|not known|resolution"):
        require_head(address)


@pytest.mark.parametrize("address", ["node:0", "node:65536", "ray://node:x"])
def test_what_is_no_port_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="is not a port"):
        require_head(address)


def test_what_answers_but_is_no_head_is_waited_for_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head, "ANSWER_SECONDS", 2.0)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(ConnectionError, match="no head of a cluster answers within 2 s"),
    ):
        require_head(f"127.0.0.1:{server.getsockname()[1]}")


def test_a_cluster_that_does_not_start_is_reported_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(**options: object) -> None:
        raise Exception("The current node timed out during startup. This could happen because ...\nand more")

    monkeypatch.setattr("ray.init", start)
    with (
        pytest.raises(
            ClusterError, match=r"^a Ray cluster on this machine cannot be used: .* during startup"
        ),
        connected(None, workers=1),
    ):
        pass


def test_indexing_ends_with_one_sentence(tmp_path: Path) -> None:
    make_picture(tmp_path / "a.png", colour=RED)
    command = [sys.executable, "-m", "cli.main", "index", str(tmp_path), "--distributed", "ray"]
    done = subprocess.run(
        [*command, "--address", "127.0.0.1:1"], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith("Error: the Ray cluster at 127.0.0.1:1 cannot be used: ")
    assert "GCS" not in done.stderr
