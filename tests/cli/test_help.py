"""Help: every command has one with an example, the reference page is current, and nothing heavy is imported."""

import subprocess
import sys
from pathlib import Path

import pytest

from cli.reference import reference
from tests.cli.conftest import Jepa

REPOSITORY = Path(__file__).resolve().parents[2]
COMMANDS = [
    "index",
    "search",
    "classify",
    "ask",
    "explain",
    "watch",
    "chapters",
    "status",
    "remove",
    "verify",
    "optimize",
    "export",
    "doctor",
    "models list",
    "models show",
    "models import",
    "train pretrain",
    "train sft",
    "bench retrieval",
    "bench classification",
    "bench questions",
    "bench hard-negatives",
    "bench world-prediction",
    "bench anticipation",
    "bench list",
    "bench table",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(jepa: Jepa, command: str) -> None:
    done = jepa(*command.split(), "--help")
    assert (done.status, done.err) == (0, "")
    assert f"  jepa {command}" in done.out
    assert "--json" in done.out


def test_the_program_lists_its_commands(jepa: Jepa) -> None:
    done = jepa("--help")
    assert done.status == 0
    assert {command.split()[0] for command in COMMANDS} <= set(done.out.split())


def test_the_reference_page_is_current() -> None:
    written = (REPOSITORY / "docs" / "cli.md").read_text("utf-8")
    assert written == reference(), "docs/cli.md is stale: run `make docs`"


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from cli.main import main; main(['--help']); "
        "print(sorted({name.split('.')[0] for name in sys.modules} & set(sys.argv[1:])))"
    )
    heavy = ["torch", "numpy", "pyarrow", "lance", "faiss", "openvino", "av", "rich", "sklearn", "pandas"]
    done = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
