"""Paths on the command line: an empty one, from a variable that is not set, never means the working directory."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from cli.main import app
from jepa_retrieval import Library
from tests.cli.conftest import Jepa

PLACEHOLDERS = ("FILE", "DIR", "PATH", "CLIP", "CONFIG", "CSV", "FOLDER", "MODEL.gguf")


def path_parameters() -> Iterator[tuple[list[str], Any]]:
    """Every parameter whose placeholder is a path, with the words of its command."""

    def walk(command: Any, words: list[str]) -> Iterator[tuple[list[str], Any]]:
        for name, child in getattr(command, "commands", {}).items():
            yield from walk(child, [*words, name])
        for parameter in command.params:
            if (parameter.metavar or "").startswith(PLACEHOLDERS):
                yield words, parameter

    return walk(typer.main.get_command(app), [])


@pytest.mark.parametrize(
    ("words", "parameter"),
    list(path_parameters()),
    ids=lambda value: getattr(value, "name", None) or "-".join(value),
)
def test_an_empty_path_is_an_error_everywhere(
    jepa: Jepa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], parameter: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    given = [""] if parameter.param_type_name == "argument" else [f"{parameter.opts[0]}="]
    done = jepa(*words, *given)
    assert (done.status, done.out) == (2, "")
    assert "the path is empty" in done.err
    assert not list(tmp_path.iterdir())


def test_all_paths_are_found() -> None:
    assert len(list(path_parameters())) > 40


@pytest.mark.parametrize(
    "words", [["ask", "", "Is there a cat?"], ["search", "--image="], ["search", "--video=@1-2"]]
)
def test_an_empty_path_among_other_words(jepa: Jepa, library: Path, words: list[str]) -> None:
    done = jepa(*words, "--index", library)
    assert (done.status, done.out) == (2, "")
    assert "the path is empty" in done.err


def test_an_unset_variable_removes_nothing(
    jepa: Jepa, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(library)
    before = Library.open(library).status().files_ok
    assert jepa("remove", "").status == 2
    assert Library.open(library).status().files_ok == before


def test_a_home_folder_is_expanded(jepa: Jepa, library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shell leaves the ~ in --index=~/Videos alone."""
    monkeypatch.setenv("HOME", str(library.parent))
    monkeypatch.chdir("/")
    assert jepa("status", f"--index=~/{library.name}").status == 0
    monkeypatch.setenv("JEPA_INDEX", f"~/{library.name}")
    assert jepa("search", "a cat", "--image=~/no.png", "--json").status == 2
    assert jepa("search", f"--image=~/{library.name}/photos/coffee.png", "--json").status == 0
