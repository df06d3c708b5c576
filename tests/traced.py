"""Which programs a command starts, seen from outside with strace."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

_CALL = re.compile(r'execve(?:at)?\((?:\w+, )?"([^"]*)", \[(.*?)\](?:,|\.\.\.)')
# Our own decoders, and what Python's multiprocessing starts: the same interpreter, with a module that we know.
_OUR_WORKERS = ("-m jepa_retrieval.media.workers.worker", "-c from multiprocessing.")
# PyTorch asks the dynamic linker, when it is imported, where libraries lie.
_LINKER = "/sbin/ldconfig -p"
# Runs commands one after the other in one process, so that what is heavy is imported once.
_DRIVER = "import json, sys; from cli.main import main; print(json.dumps([main(c) for c in json.loads(sys.argv[1])]))"


def jepa(*commands: tuple[int, list[str]], cwd: Path) -> list[str]:
    """Programs that commands of `jepa` start or try to start, each given with the status that it must end with."""
    arguments = [command for _, command in commands]
    output, programs = outside_programs(["-c", _DRIVER, json.dumps(arguments)], cwd=cwd)
    assert json.loads(output.splitlines()[-1]) == [status for status, _ in commands], output
    return programs


def outside_programs(command: Sequence[str], *, cwd: Path) -> tuple[str, list[str]]:
    """Output of a command, and programs other than our own workers that it or its children start or try to start.

    Args:
        command: arguments of Python; the process itself is not counted.
        cwd: where it runs.
    """
    strace = shutil.which("strace")
    if strace is None or subprocess.run([strace, "-o", "/dev/null", "true"], check=False).returncode:
        pytest.skip("strace is not installed, or may not trace processes here")
    log = cwd / "execve.log"
    traced = [
        strace,
        "-f",
        "--seccomp-bpf",
        "-qq",
        "-s",
        "200",
        "-e",
        "trace=execve,execveat",
        "-o",
        str(log),
    ]
    done = subprocess.run(
        [*traced, sys.executable, *command],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert done.returncode == 0, f"status {done.returncode}\n{done.stdout}\n{done.stderr}"
    itself, *others = _CALL.findall(log.read_text("utf-8", "replace"))
    assert itself[0] == sys.executable
    return done.stdout, [
        program
        for program in (_program(*call) for call in others)
        if not _is_ours(program) and program != _LINKER
    ]


def _program(path: str, arguments: str) -> str:
    return " ".join([path, *(word.strip('" ') for word in arguments.split('", "')[1:])])


def _is_ours(program: str) -> bool:
    return any(program.startswith(f"{sys.executable} {worker}") for worker in _OUR_WORKERS)
