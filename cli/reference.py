"""Write the reference of all commands from their help texts.

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

This page is made from the program's own help texts by `make docs`.

Results go to standard output, progress and logs to standard error. Exit status: 0 done; 1 done, but something in
the input failed and is named; 2 wrong usage, or nothing could be done; 130 interrupted. Errors are one sentence;
`--debug` shows where they come from. `--quiet`, `--no-progress` and `--debug` work before and after the command.

| variable | meaning |
|---|---|
| `JEPA_INDEX` | the index to use when `--index` is not given |
| `JEPA_MODEL` | the model of new indexes |
| `JEPA_CACHE` | where prepared models are kept |
| `NO_COLOR` | no colour |
"""


def reference() -> str:
    """The whole page as Markdown."""
    return "\n".join([INTRODUCTION, *_sections(typer.main.get_command(app), None)])


def _sections(command: Any, parent: Any) -> Iterator[str]:
    """One section per command, subcommands after their group."""
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
    """Write the page to the file that is named, or print it."""
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(reference(), "utf-8")
    else:
        sys.stdout.write(reference())


if __name__ == "__main__":
    main()
