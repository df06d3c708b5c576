"""The options of indexing with several worker processes, on one machine or many."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli.completion import one_of
from jepa_retrieval.errors import UsageError

DistributedOption = Annotated[
    str | None,
    typer.Option(
        "--distributed",
        metavar="ray",
        autocompletion=one_of("ray"),
        help="Index with several workers, on one machine or many; needs the extra 'distributed'.",
    ),
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="auto|HOST",
        help="With --distributed: the head of the cluster; auto: the cluster that this machine belongs to.",
        show_default="a cluster on this machine, for the time of the run",
    ),
]
ShardFilesOption = Annotated[
    int | None,
    typer.Option(
        "--shard-files",
        min=1,
        metavar="N",
        help="With --distributed: the most files that a worker takes at once.",
        show_default="500",
    ),
]
MaxRetriesOption = Annotated[
    int | None,
    typer.Option(
        "--max-retries",
        min=0,
        metavar="N",
        help="With --distributed: how often files go to another worker after theirs has died.",
        show_default="3",
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        metavar="N",
        help="With --distributed: how many workers.",
        show_default="one for each GPU, or for every two cores",
    ),
]


def engine_options(distributed: str | None, **more: Any) -> dict[str, Any]:
    """The keywords of `Library.index` that these options stand for.

    Raises:
        UsageError: an unknown engine, or an option of --distributed without it.
    """
    given = {name: value for name, value in more.items() if value is not None}
    if distributed is None:
        if given:
            raise UsageError(f"--{next(iter(given)).replace('_', '-')} needs --distributed ray")
        return {}
    if distributed != "ray":
        raise UsageError(f"--distributed must be ray, not '{distributed}'")
    return {"engine": "ray", **given}
