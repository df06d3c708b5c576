"""Writes the reference of all commands from their help texts.

python -m cli.reference docs/cli.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from cli.main import app

INTRODUCTION = """\
# The command line

This page is generated from the program's help texts by `make docs`.

Results go to standard output; progress, notes and errors go to standard error. Errors are one sentence; `--debug`
adds the traceback. `--quiet`, `--no-progress` and `--debug` work before and after the command.

| exit status | meaning |
|---|---|
| 0 | success |
| 1 | finished, but some of the input failed and is named |
| 2 | wrong usage, or nothing could be done |
| 130 | interrupted |

| variable | meaning |
|---|---|
| `JEPA_INDEX` | the index to use if `--index` is not given |
| `JEPA_MODEL` | the model to use if `--model` is not given |
| `JEPA_DECODER` | the library that decodes videos, if `--decoder` is not given: pyav, decord, torchcodec or nvdec |
| `JEPA_DEVICE` | where models run, if `--device` is not given: cpu or cuda |
| `JEPA_MAX_PIXELS` | pixels that a picture may have; [media.md](media.md) has more such limits |
| `JEPA_CACHE` | the folder for prepared models |
| `NO_COLOR` | turns colour off |
"""


def reference() -> str:
    """The page as Markdown."""
    return "\n".join([INTRODUCTION, *_sections(typer.main.get_command(app), None)])


def _sections(command: Any, parent: Any) -> Iterator[str]:
    """A section for each command; subcommands follow their group."""
    context = command.context_class(
        command,
        info_name=command.name or "jepa",
        parent=parent,
        terminal_width=100,
        **command.context_settings,
    )
    yield f"## {context.command_path}\n\n```text\n{command.get_help(context).rstrip()}\n```\n"
    for name in getattr(command, "commands", {}):
        if not command.commands[name].hidden:
            yield from _sections(command.commands[name], context)


def main() -> None:
    """Write the page to the given file, or to standard output."""
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(reference(), "utf-8")
    else:
        sys.stdout.write(reference())


if __name__ == "__main__":
    main()
