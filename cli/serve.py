"""`jepa serve`: the page, the REST interface and the tools for assistants."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from cli import console
from cli.locate import chosen_indexes
from cli.options import DeviceOption, JsonOption, file_option, indexes_option
from cli.paths import parse_path, parse_path_text
from jepa_retrieval.errors import UsageError
from jepa_retrieval.serving.settings import (
    DEFAULT_PORT,
    ServeSettings,
    let_idle_threads_sleep,
    require_extra,
)

TOKEN_VARIABLE = "JEPA_SERVE_TOKEN"
MAX_TOKEN_BYTES = 4096


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("serve")(serve)


IndexesOption = Annotated[list[Path] | None, indexes_option("An index to serve.")]


def serve(
    index: IndexesOption = None,
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS", help="The address to listen on; other than loopback, it needs a token."
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="N", help="The port; 0 for a free one.")
    ] = DEFAULT_PORT,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    token_file: Annotated[
        Path | None, file_option(f"Require the token in FILE from clients. Default: ${TOKEN_VARIABLE}.")
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Another name of this server, as behind a reverse proxy. Repeatable."
        ),
    ] = None,
    media: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FOLDER",
            parser=parse_path,
            help="Also show indexed files in FOLDER, or below s3://bucket/folder, outside of the indexed folder. "
            "Repeatable.",
        ),
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Do not start jobs, such as indexing.")
    ] = False,
    watch: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE|URL|camera:N",
            parser=parse_path_text,
            help="Watch a camera or a stream for saved searches with an alert. Repeatable.",
        ),
    ] = None,
    json: JsonOption = False,
    device: DeviceOption = "auto",
) -> None:
    """Serve indexes as a web page and a REST interface, until Ctrl-C.

    The page is for searching and watching; docs/serving.md describes the interface. Changes to the indexes are picked
    up while the server runs. --json prints the address as JSON once the server answers. Needs the extra 'serve':
    pip install 'jepa-retrieval[serve]'.

    \b
    Examples:
      jepa serve --open
      jepa serve --index ~/Videos --index /media/disk
      jepa serve --watch rtsp://camera/stream
      jepa serve --host 0.0.0.0 --token-file token.txt --allow-host videos.example.org
    """
    require_extra("jepa serve")
    settings = ServeSettings(
        indexes=chosen_indexes(index or []),
        host=host,
        port=port,
        token=_token(token_file),
        allowed_hosts=allow_host or [],
        media_folders=media or [],
        read_only=read_only,
        streams=watch or [],
    )
    let_idle_threads_sleep()
    from jepa_retrieval.serving.server import serve as run

    def on_ready(address: str) -> None:
        if json:
            console.result_json({"url": address}, one_line=True)
        else:
            console.note(f"Serving {address}")

    run(settings, on_ready=on_ready, open_browser=open_page)


def _token(file: Path | None) -> str | None:
    if file is None:
        return os.environ.get(TOKEN_VARIABLE) or None
    try:
        with file.open("rb") as opened:
            return opened.read(MAX_TOKEN_BYTES).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--token-file {file}: cannot be read ({error})") from None
