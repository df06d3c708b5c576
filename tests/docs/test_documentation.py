"""What the documentation names exists: modules, commands and their options, files and headings behind links."""

from __future__ import annotations

import importlib.util
import itertools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from cli.main import app, hoist_global_options

pytestmark = pytest.mark.long

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = ("benchmarks", "cli", "indexes", "jepa_retrieval")
PAGES = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("**/*.md")])
SOURCES = sorted(
    [
        REPOSITORY / "Makefile",
        *(file for package in PACKAGES for file in (REPOSITORY / package).rglob("*.py")),
    ]
)
SHELL_BLOCKS = ("bash", "sh", "console")
OPERATORS = ("|", "||", "&&", ";", "&", ">", ">>", "<")


def relative(file: Path) -> str:
    return file.relative_to(REPOSITORY).as_posix()


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """Fenced code as language and text; inline code as language "inline"."""
    text = page.read_text("utf-8")
    fenced = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
    yield from fenced.findall(text)
    for code in re.findall(r"(?<!`)`([^`]+)`(?!`)", fenced.sub("", text)):
        yield "inline", " ".join(code.split())


def commands(page: Path) -> Iterator[tuple[str, list[str]]]:
    """Command lines of the program, as the language of their block and their words."""
    for language, text in blocks(page):
        for line in text.replace("\\\n", " ").splitlines():
            if "jepa " not in line:
                continue
            if language in SHELL_BLOCKS:
                lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
                lexer.whitespace_split = True
                for is_operator, words in itertools.groupby(lexer, key=lambda word: word in OPERATORS):
                    if not is_operator and (command := list(words))[0] == "jepa":
                        yield language, command
            elif match := re.match(r"(?:\$ )?(jepa .*?)(?:\s{2,}.*| \| .*)?$", line.strip()):
                yield language, [word for word in re.split(r"[\s\[\]|,;]+", match[1]) if word]


@pytest.mark.parametrize("file", [*PAGES, *SOURCES], ids=relative)
def test_modules_that_are_run_exist(file: Path) -> None:
    named = re.findall(r"python3? -m ([A-Za-z_][\w.]*\w)", file.read_text("utf-8"))
    for module in {name for name in named if name.split(".")[0] in PACKAGES}:
        spec = importlib.util.find_spec(module)
        assert spec is not None and spec.origin is not None, module
        runs = 'if __name__ == "__main__":' in Path(spec.origin).read_text("utf-8")
        assert runs or spec.submodule_search_locations, f"{module} does nothing when it is run"


def find(words: list[str]) -> tuple[typer.core.TyperGroup | typer.core.TyperCommand, list[str]]:
    """The command that `words` begin with, and the words after it."""
    command = typer.main.get_command(app)
    rest = hoist_global_options(words)
    while (subcommands := getattr(command, "commands", None)) and rest and not rest[0].startswith("-"):
        name, *rest = rest
        assert name in subcommands, f"there is no command {name!r}"
        command = subcommands[name]
    return command, rest


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_commands_and_their_options_exist(page: Path) -> None:
    for language, words in commands(page):
        if language in SHELL_BLOCKS:
            command, rest = find(words[1:])
            command.make_context(command.name, rest).close()  # an error names what is wrong
        else:  # with placeholders, and perhaps a description behind
            command, rest = find([word for word in words[1:] if word[0].islower() or word.startswith("-")])
            known = {
                option for parameter in command.params for option in parameter.opts + parameter.secondary_opts
            }
            known |= {"--help", "-h", "--quiet", "--no-progress", "--debug"}
            assert {word for word in rest if word.startswith("-")} <= known, words


def slug(heading: str) -> str:
    """The anchor that code hosts make of a heading."""
    plain = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower())
    return plain.strip().replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text("utf-8"), re.MULTILINE)
            assert anchor in map(slug, headings), target


def test_something_is_found() -> None:
    """The searches above would pass if they found nothing."""
    assert sum(1 for page in PAGES for _ in commands(page)) > 100
    assert sum(len(re.findall(r"python -m benchmarks", page.read_text("utf-8"))) for page in PAGES) > 30
