"""Help: every command has one with an example, the reference page is current, and nothing heavy is imported."""

import itertools
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from cli.main import app
from cli.reference import reference
from tests.cli.conftest import Jepa

REPOSITORY = Path(__file__).resolve().parents[2]


def commands(command: Any = None, *words: str) -> Iterator[tuple[str, Any]]:
    """Every command that does something, by its words."""
    command = command or typer.main.get_command(app)
    if not hasattr(command, "commands"):
        yield " ".join(words), command
    for name, child in getattr(command, "commands", {}).items():
        yield from commands(child, *words, name)


COMMANDS = dict(commands())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_examples_that_work(jepa: Jepa, name: str) -> None:
    done = jepa(*name.split(), "--help")
    assert (done.status, done.err) == (0, "")
    assert "--json" in done.out
    (paragraph,) = [part for part in done.out.split("\n\n") if part.startswith("  Examples:\n")]
    examples = [line.strip() for line in paragraph.splitlines()[1:] if line.startswith("    ")]
    own = 0
    for example in examples:
        lexer = shlex.shlex(re.sub(r"\s{2,}.*", "", example), posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words = list(itertools.takewhile(lambda word: word not in ("|", ">", "&&"), lexer))
        if words[0] != "jepa":  # such as torchrun, which starts the same command several times
            continue
        called = max((other for other in COMMANDS if example.startswith(f"jepa {other}")), key=len)
        COMMANDS[called].make_context(called, words[1 + len(called.split()) :]).close()
        own += called == name
    assert own, f"no example of jepa {name}"


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
    heavy += ["fractions", "decimal"]  # what every command would wait for
    done = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("words", [(), ("models",), ("train",), ("bench",)])
def test_without_a_command_there_is_help(jepa: Jepa, words: tuple[str, ...]) -> None:
    assert jepa(*words).out == jepa(*words, "--help").out != ""
