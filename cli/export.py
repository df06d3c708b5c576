"""`jepa export`: write the clips of an index to a file for other programs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import console
from cli.locate import open_library
from cli.options import IndexOption, JsonOption, WhereOption, file_option
from cli.paths import OutputFile, parse_path, require_outputs
from jepa_retrieval.errors import UsageError
from jepa_retrieval.output_files import replacing

if TYPE_CHECKING:
    import pyarrow as pa

    from jepa_retrieval.library import Library


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("export")(export)


def export(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", parser=parse_path, help="A .parquet, .csv or .jsonl file to write."),
    ],
    index: IndexOption = None,
    where: WhereOption = None,
    embeddings: Annotated[
        Path | None,
        file_option("Also write the clips' embeddings, in the same order, to a .npy file."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Write one row per clip to a file: path, times and metadata. An existing file is replaced once all is written.

    \b
    Examples:
      jepa export clips.parquet
      jepa export clips.csv --where "kind = 'video'" --embeddings clips.npy
    """
    from indexes.schema import EXPORTED_COLUMNS  # PyArrow, which other commands start without

    write = _WRITERS.get(file.suffix.lower())
    if write is None:
        raise UsageError(f"{file}: the name must end in one of {', '.join(_WRITERS)}")
    if embeddings is not None and embeddings.suffix.lower() != ".npy":
        raise UsageError(f"--embeddings {embeddings}: the name must end in .npy")
    require_outputs(OutputFile("FILE", file), OutputFile("--embeddings", embeddings))
    library = open_library(index)
    table = _clips(library, where, with_embeddings=embeddings is not None)
    with ExitStack() as files:  # if one cannot be written, the other stays as it was too
        if embeddings is not None:
            size = library.records.manifest.embedding_size
            _write_embeddings(table, size, files.enter_context(replacing(embeddings)))
        with replacing(file) as written:
            write(table.select(EXPORTED_COLUMNS), written)
    if json:
        console.result_json(
            {
                "file": str(file),
                "clips": len(table),
                "embeddings": None if embeddings is None else str(embeddings),
            }
        )
    else:
        console.result(f"Wrote {console.count(len(table), 'clip')} to {file}.")


def _clips(library: Library, where: str | None, *, with_embeddings: bool) -> pa.Table:
    """All clips that match `where`, sorted by path and time; `embedding` is float16 [E]."""
    import pyarrow as pa

    from indexes.schema import EXPORTED_COLUMNS, clip_schema

    columns = [*EXPORTED_COLUMNS, "embedding"] if with_embeddings else [*EXPORTED_COLUMNS]
    full = clip_schema(library.records.manifest.embedding_size)
    schema = pa.schema([full.field(name) for name in columns])
    batches = library.records.iter_clips(where=where, columns=columns)
    table = pa.Table.from_batches(batches, schema=schema)
    return table.sort_by([("path", "ascending"), ("start", "ascending")])


def _write_embeddings(table: pa.Table, size: int, file: Path) -> None:
    import numpy as np

    vectors = table["embedding"].combine_chunks().flatten().to_numpy()
    with file.open("wb") as out:  # given a path, NumPy would add an ending
        np.save(out, vectors.reshape(-1, size))


def _write_parquet(table: pa.Table, file: Path) -> None:
    from pyarrow import parquet

    parquet.write_table(table, file)


def _write_csv(table: pa.Table, file: Path) -> None:
    from pyarrow import csv

    csv.write_csv(table, file)


def _write_jsonl(table: pa.Table, file: Path) -> None:
    with file.open("w", encoding="utf-8") as out:
        for row in table.to_pylist():
            out.write(console.json_text(row, one_line=True) + "\n")


_WRITERS: dict[str, Callable[[pa.Table, Path], None]] = {
    ".parquet": _write_parquet,
    ".csv": _write_csv,
    ".jsonl": _write_jsonl,
}
