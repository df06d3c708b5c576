"""What a shell and a person who mistypes are offered."""

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Jepa

REPOSITORY = Path(__file__).resolve().parents[2]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *arguments],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("jepa se", ["search", "serve"]),
        ("jepa models s", ["show"]),
        ("jepa search --min", ["--minus", "--min-confidence"]),
        ("jepa classify --per ", ["clip", "moment", "file"]),
        ("jepa index --decoder ", ["auto", "pyav", "decord", "torchcodec", "nvdec"]),
        ("jepa bench retrieval panda", ["panda70m"]),
        ("jepa index . --model na", ["nano"]),
        ("jepa optimize --kind ivf-s", ["ivf-sq8"]),
    ],
)
def test_shells_complete_commands_options_and_values(line: str, offered: list[str]) -> None:
    words = line.split(" ")
    done = run(_JEPA_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1))
    assert done.stdout.split() == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_installed(shell: str, tmp_path: Path) -> None:
    done = run("--show-completion", HOME=str(tmp_path), _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert "Traceback" not in done.stderr
    shown = run(_JEPA_COMPLETE=f"source_{shell}")
    assert "jepa" in shown.stdout and "_JEPA_COMPLETE" in shown.stdout


@pytest.mark.parametrize("command", [[], ["search"], ["models"], ["bench", "retrieval"]])
def test_short_and_long_help_are_the_same(jepa: Jepa, command: list[str]) -> None:
    assert jepa(*command, "-h") == jepa(*command, "--help")


def test_the_version_is_that_of_the_package(jepa: Jepa) -> None:
    done = jepa("--version")
    assert (done.status, done.out) == (0, f"jepa-retrieval {importlib.metadata.version('jepa-retrieval')}\n")


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["serch", "a cat"], "'search'"),
        (["models", "lst"], "'list'"),
        (["bench", "retreival"], "'retrieval'"),
        (["search", "a cat", "--tpo", "3"], "--top"),
        (["index", ".", "--samplin", "2"], "--sampling"),
        (["models", "show", "nan"], "nano"),
    ],
)
def test_what_was_meant_is_offered(jepa: Jepa, arguments: list[str], meant: str) -> None:
    done = jepa(*arguments)
    assert (done.status, done.out) == (2, "")
    assert meant in done.err
    assert len(done.err.splitlines()) == 1
