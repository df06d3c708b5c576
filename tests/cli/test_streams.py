"""Standard streams that are closed, full, or a pipe without a reader: a sentence and a status, never a traceback."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")


def shell(command: str, folder: Path, redirection: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "cli.main", *shlex.split(command)]
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {shlex.join(words)} {redirection}"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "JEPA_INDEX": str(folder / ".jepa")},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("command", ["search 'a cat'", "status --json", "models list", "search --help"])
def test_a_closed_output_is_named(command: str, library: Path) -> None:
    done = shell(command, library, ">&-")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Error: standard output: Bad file descriptor\n"


@full
@pytest.mark.parametrize("command", ["search 'a cat'", "status --json", "search --help", "search cat -f -0"])
def test_a_full_disk_behind_the_output_is_named(command: str, library: Path) -> None:
    done = shell(command, library, ">/dev/full")
    assert (done.returncode, done.stderr) == (2, "Error: standard output: No space left on device\n")


@pytest.mark.parametrize("command", ["search 'a cat'", "models list", "--help", "search cat -f -0"])
@pytest.mark.parametrize("redirection", ["| true", "2>&1 | head -c 0"])
def test_a_reader_that_has_seen_enough_is_no_error(command: str, library: Path, redirection: str) -> None:
    done = shell(command, library, redirection)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@full
@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", "<&-"])
def test_results_come_without_a_standard_error(library: Path, redirection: str) -> None:
    done = shell("search 'no such thing' --min-confidence 1 --json", library, redirection)
    assert done.returncode == 0
    assert '"hits": []' in done.stdout


def test_files_do_not_get_what_is_printed(library: Path, tmp_path: Path) -> None:
    """The first file that is opened while standard output is closed would get its descriptor."""
    done = shell(f"export {tmp_path / 'clips.csv'}", library, ">&-")
    assert done.returncode == 2
    lines = (tmp_path / "clips.csv").read_text("utf-8").splitlines()
    assert lines[0].startswith('"clip_id","path"')
    assert not any("Wrote" in line for line in lines)


def test_a_closed_input_has_no_lines(tmp_path: Path) -> None:
    """So a question is not answered, instead of being a traceback."""
    code = (
        "import sys; from cli.streams import open_standard_streams; open_standard_streams(); "
        "print(sys.stdin.isatty(), repr(sys.stdin.readline()))"
    )
    done = subprocess.run(
        ["bash", "-c", f"{shlex.join([sys.executable, '-c', code])} <&-"],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "False ''\n", "")
