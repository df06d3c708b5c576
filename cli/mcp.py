"""`jepa mcp`: tools for assistants over standard input and output."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from cli import console
from cli.locate import chosen_indexes
from cli.options import DeviceOption, JsonOption
from cli.serve import IndexesOption
from jepa_retrieval.errors import UsageError
from jepa_retrieval.serving.settings import ServeSettings, let_idle_threads_sleep, require_extra
from jepa_retrieval.user_paths import absolute

NAME = "jepa"


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("mcp")(mcp)


def mcp(
    index: IndexesOption = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Do not let assistants start indexing.")
    ] = False,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Print the configuration that clients need, and exit.")
    ] = False,
    json: JsonOption = False,
    device: DeviceOption = "auto",
) -> None:
    """Offer indexes to an assistant as tools, by the Model Context Protocol over standard input and output.

    Assistants start this program themselves: put what --print-config prints into the client's configuration. 'jepa
    serve' offers the same tools at /mcp. Needs the extra 'serve': pip install 'jepa-retrieval[serve]'.

    \b
    Examples:
      jepa mcp --print-config
      jepa mcp --index ~/Videos --index /media/disk --print-config
    """
    require_extra("jepa mcp")
    indexes = [absolute(folder) for folder in chosen_indexes(index or [])]
    if print_config:
        console.result_json({"mcpServers": {NAME: command_line(indexes, read_only=read_only)}})
        console.note(
            "For VS Code, the key is 'servers' in .vscode/mcp.json; other programs use this as it is."
        )
        return
    if json:
        raise UsageError("--json requires --print-config: the protocol is JSON already")
    let_idle_threads_sleep()
    from jepa_retrieval.serving.stdio import serve_stdio

    serve_stdio(ServeSettings(indexes=indexes, read_only=read_only))


def command_line(indexes: list[Path], *, read_only: bool) -> dict[str, object]:
    """How a client starts this program."""
    program = shutil.which("jepa")
    command = [str(Path(program).absolute())] if program else [sys.executable, "-m", "cli.main"]
    options = [word for folder in indexes for word in ("--index", str(folder))]
    return {
        "command": command[0],
        "args": [*command[1:], "mcp", *options, *(["--read-only"] if read_only else [])],
    }
