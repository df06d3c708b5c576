"""Every script says how it is called, and every command of the documentation is one that its script takes."""

import argparse
import importlib
import re
import runpy
import shlex
import sys
from typing import Any

import pytest

from tests.conftest import REPOSITORY

pytestmark = pytest.mark.long

COMMAND = re.compile(r"python -m (benchmarks[\w.]*)((?: [^`#|\n]*)?)")
SCRIPTS = sorted(
    ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__main__")
    for path in (REPOSITORY / "benchmarks").rglob("*.py")
    if '__name__ == "__main__"' in path.read_text("utf-8")
)


def documented() -> list[tuple[str, str]]:
    pages = [REPOSITORY / "README.md", REPOSITORY / "Makefile", *(REPOSITORY / "docs").rglob("*.md")]
    found = {
        (module, arguments.strip())
        for page in pages
        for module, arguments in COMMAND.findall(page.read_text("utf-8"))
    }
    return sorted(found)


class ParsedError(Exception):
    """The arguments of a script were taken."""


@pytest.fixture
def only_parse(monkeypatch: pytest.MonkeyPatch) -> None:
    parse = argparse.ArgumentParser.parse_args

    def parse_and_stop(self: argparse.ArgumentParser, *arguments: Any, **options: Any) -> None:
        parse(self, *arguments, **options)
        raise ParsedError

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_and_stop)


def run(module: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [module, *arguments])
    # A script that another one imports is loaded a second time, as __main__.
    for name in (module, f"{module}.__main__"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    runpy.run_module(module, run_name="__main__")


def test_the_documentation_names_many_scripts() -> None:
    assert len({module for module, _ in documented()}) > 25


@pytest.mark.parametrize("module", SCRIPTS)
def test_a_script_says_what_it_answers_and_how_it_is_called(module: str) -> None:
    text = (
        importlib.import_module("benchmarks.gpu.__main__" if module == "benchmarks.gpu" else module).__doc__
        or ""
    )
    first, empty, *rest = text.splitlines()
    assert first.endswith((".", "?")) and not empty
    assert f"    python -m {module}" in "\n".join(rest)


@pytest.mark.parametrize("module", SCRIPTS)
def test_a_script_shows_its_options(
    module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(module, ["--help"], monkeypatch)
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("usage: ")


@pytest.mark.parametrize(("module", "arguments"), documented())
def test_a_documented_command_is_taken(
    module: str, arguments: str, monkeypatch: pytest.MonkeyPatch, only_parse: None
) -> None:
    with pytest.raises(ParsedError):
        run(module, shlex.split(arguments.rstrip(".,;:)")), monkeypatch)
