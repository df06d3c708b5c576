"""`jepa publish`: mirror an index to Milvus."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from cli import console
from cli.locate import open_library
from cli.options import IndexOption, JsonOption


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("publish")(publish)


def publish(
    to: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Where to: milvus+http://HOST:PORT, milvus+https://HOST:PORT or milvus+file:FILE.db, with /DATABASE "
            "behind a host and #NAME at the end if wanted.",
        ),
    ],
    index: IndexOption = None,
    json: JsonOption = False,
) -> None:
    """Mirror the vectors of an index to Milvus, from where 'jepa search --index ADDRESS' and programs search them.

    Run it again after the index has changed: only what is new, changed or removed is sent. It can be interrupted at
    any time; the next run goes on. A server's token is read from $MILVUS_TOKEN. Needs the extra 'milvus':
    pip install 'jepa-retrieval[milvus]'; for a file, pip install milvus-lite, too.

    \b
    Examples:
      jepa publish --to milvus+http://milvus.example.org:19530#holidays
      jepa publish --to milvus+file:clips.db --index ~/Videos
    """
    from indexes.milvus.address import MilvusAddress

    MilvusAddress.parse(to)  # refuses what is none, before an index is looked for
    library = open_library(index)
    report = library.publish(to)
    if json:
        console.result_json(asdict(report))
    else:
        console.result(
            f"Published {console.count(report.clips, 'clip')} to {report.address}: {report.added} added, "
            f"{report.changed} changed, {report.removed} removed, {report.unchanged} unchanged."
        )
