"""`jepa optimize`: make an index smaller and faster."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import typer

from cli import console
from cli.completion import one_of
from cli.locate import open_library
from cli.options import IndexOption, JsonOption
from cli.status import search_line
from cli.values import parse_size
from indexes.vectors.gpu.kinds import GPU_KINDS
from indexes.vectors.kinds import KINDS
from indexes.vectors.search_settings import SearchDevice
from jepa_retrieval.errors import UsageError


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("optimize")(optimize)


def optimize(
    index: IndexOption = None,
    memory: Annotated[
        str | None,
        typer.Option("--memory", metavar="SIZE", help="Maximum memory for searches, such as 4GB; or 'any'."),
    ] = None,
    recall: Annotated[
        float | None,
        typer.Option(
            "--recall",
            min=0.0,
            max=1.0,
            metavar="R",
            help="Share of the true ten best clips to find, such as 0.98.",
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind",
            metavar="KIND",
            autocompletion=one_of("auto", *KINDS),
            help=f"Kind of vector index: {', '.join(KINDS)}; or 'auto'.",
        ),
    ] = None,
    device: Annotated[
        SearchDevice | None,
        typer.Option(
            "--device",
            metavar="auto|cpu|cuda",
            help="Where to search. cuda: on a GPU; auto: on a GPU only many queries at once; cpu: never on a GPU.",
        ),
    ] = None,
    gpu_kind: Annotated[
        str | None,
        typer.Option(
            "--gpu-kind",
            metavar="KIND",
            help=f"Kind of index on the GPU: {', '.join(GPU_KINDS)}; or 'auto', by the GPU's memory.",
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Make an index smaller and faster: compact its tables, delete old versions, rebuild the vector index.

    The kind of vector index is chosen by the number of clips, the memory and the recall. It is printed with the
    recall measured on sample queries. The settings are stored and apply until they are changed.

    Versions of the tables that were replaced less than an hour ago are kept, because another program may be reading
    them. So the index may become larger at first: run the command again after an hour to free that space.

    \b
    Examples:
      jepa optimize
      jepa optimize --memory 4GB
      jepa optimize --memory any --recall 0.995
    """
    changes = _changes(memory, recall, kind, device, gpu_kind)
    library = open_library(index)
    settings = replace(library.records.maintenance.search_settings, **changes)
    before = library.status()
    library.optimize(settings)
    after = library.status()
    if json:
        search = {
            "vector_kind": after.vector_kind,
            "search_memory_bytes": after.search_memory_bytes,
            "recall_expected": after.recall_expected,
            "recall_measured": after.recall_measured,
        }
        sizes = {"bytes_before": before.total_bytes, "bytes_after": after.total_bytes}
        console.result_json({**sizes, **search})
    else:
        console.result(
            f"{library.place}: optimized; {console.bytes_text(after.total_bytes)} on disk, "
            f"{console.bytes_text(before.total_bytes)} before."
        )
        if after.total_bytes >= before.total_bytes:
            console.note(
                "It is not smaller yet, because other programs may be reading what was replaced within the last "
                "hour: run the command again after an hour to free that space."
            )
        console.result(f"Search: {search_line(after)}.")


def _changes(
    memory: str | None,
    recall: float | None,
    kind: str | None,
    device: SearchDevice | None,
    gpu_kind: str | None,
) -> dict[str, Any]:
    """The given options as fields of `SearchSettings`.

    Raises:
        UsageError: a value is not allowed.
    """
    if recall is not None and not 0 < recall <= 1:
        raise UsageError(f"--recall must be above 0 and at most 1, not {recall}")
    if kind is not None and kind != "auto" and kind not in KINDS:
        raise UsageError(f"--kind must be auto or one of {', '.join(KINDS)}, not '{kind}'")
    if gpu_kind is not None and gpu_kind != "auto" and gpu_kind not in GPU_KINDS:
        raise UsageError(f"--gpu-kind must be auto or one of {', '.join(GPU_KINDS)}, not '{gpu_kind}'")
    size = None if memory is None or memory == "any" else parse_size(memory)
    given: dict[str, tuple[object, Any]] = {
        "memory": (memory, size),
        "recall": (recall, recall),
        "kind": (kind, None if kind == "auto" else kind),
        "device": (device, device),
        "gpu_kind": (gpu_kind, None if gpu_kind == "auto" else gpu_kind),
    }
    return {name: value for name, (option, value) in given.items() if option is not None}
