"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

IndexOption = Annotated[
    Path | None,
    typer.Option(
        "--index",
        envvar="JEPA_INDEX",
        metavar="DIR",
        help="The index to use. Without it: the nearest .jepa upwards from the working directory.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print results as JSON.")]
WhereOption = Annotated[
    str | None,
    typer.Option(
        "--where",
        metavar="SQL",
        help="Only media for which this holds, such as \"duration > 60 and path like '%/2024/%'\".",
    ),
]
