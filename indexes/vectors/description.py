"""`vectors.json`: names of the derived files, the commit they were made from, and their checksums.

It is replaced last, so that it never names an incomplete file. Its keys are those of the format
(docs/index-format.md); where the code uses a clearer name, `_parse` and `_document` translate.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from indexes.files import write_atomically
from indexes.reasons import reason
from indexes.untrusted import Fields, check_plain_name, read_json_object
from indexes.vectors.hits import HIT_DTYPE
from indexes.vectors.kinds import KINDS
from indexes.vectors.table_files import TableFiles, parse_table

FOLDER = "vectors"
DESCRIPTION = "vectors.json"
OF_PASSAGES = ("passages", "places-")  # how names of files begin that `passages.json` is about
FORMAT_VERSION = 1

MAX_BYTES = 16 * 1024 * 1024
MAX_ROWS = 2**31 - 1  # row numbers have 32 bits
MAX_PATH_BYTES = 65_536  # of one path in the list of paths
MAX_EFFORT = 1_000_000


# Which rows of the file of windows belong to a clip.
RANGE_DTYPE = np.dtype([("clip_id", "<i8"), ("first", "<i8"), ("count", "<i4"), ("crc32", "<u4")])


def window_dtype(embedding_size: int) -> np.dtype:
    """One row of the file of windows: start and end in seconds, and the embedding."""
    return np.dtype([("time", "<f4", 2), ("embedding", "<f2", embedding_size)])


class DamagedVectorsError(Exception):
    """A derived file is missing or damaged. It never leaves `indexes`: the file is rebuilt."""


@dataclass(frozen=True, slots=True)
class DerivedFile:
    """One file in `vectors/`."""

    file: str
    rows: int
    bytes: int
    crc32: int


@dataclass(frozen=True, slots=True)
class WindowFiles:
    """The files of the clips' streams."""

    rows: DerivedFile  # window_dtype [rows]: time and embedding of each window
    ranges: DerivedFile  # RANGE_DTYPE [clips]: which rows belong to a clip
    next_clip_id: int  # clips from this id on are not in them


@dataclass(frozen=True, slots=True)
class AnnFile:
    """The stored approximate index, and how to search it."""

    stored: DerivedFile  # a FAISS index over codes of the first `stored.rows` embeddings
    kind: str
    trained_rows: int  # how many rows there were when its lists and codes were trained
    effort: int  # lists to probe, or efSearch
    expected_recall: float  # recall@10, estimated before it was built
    recall: float  # recall@10, measured at that effort
    used_sample_queries: bool  # whether it was measured with the stored sample queries


@dataclass(frozen=True, slots=True)
class Description:
    """Content of `vectors.json`."""

    index_id: str
    commit: int
    embedding_size: int
    embeddings: DerivedFile  # float16 [rows, E], raw
    hits: DerivedFile  # HIT_DTYPE [rows]
    paths: DerivedFile  # JSON list
    ann: AnnFile | None = None
    windows: WindowFiles | None = None
    table: TableFiles | None = None  # None: not noted, by an older version

    def all_files(self) -> list[DerivedFile]:
        """Every file in `vectors/` that is named."""
        windows = (self.windows.rows, self.windows.ranges) if self.windows else ()
        ann = (self.ann.stored,) if self.ann else ()
        return [self.embeddings, self.hits, self.paths, *ann, *windows]


def read_description(folder: Path, *, index_id: str, embedding_size: int) -> Description:
    """Read `vectors.json` of the index in `folder`.

    Raises:
        DamagedVectorsError: there is none that fits this index.
    """
    path = folder / FOLDER / DESCRIPTION
    try:
        if path.parent.is_symlink():
            raise ValueError(f"{path.parent} is a symbolic link")
        fields = read_json_object(path, max_bytes=MAX_BYTES)
        if fields.value("format_version") != FORMAT_VERSION:
            raise ValueError("it has another format")
        if (fields.value("index_id"), fields.value("embedding_size")) != (index_id, embedding_size):
            raise ValueError("it belongs to another index")
        return _parse(fields)
    except FileNotFoundError:
        raise DamagedVectorsError(f"{path} is missing") from None
    except (OSError, ValueError) as error:
        raise DamagedVectorsError(f"{path} is damaged: {reason(error)}") from error


def write_description(folder: Path, description: Description) -> None:
    """Replace `vectors.json`.

    Raises:
        OSError: the folder cannot be written.
    """
    content = json.dumps(_document(description), indent=2).encode()
    write_atomically(folder / FOLDER / DESCRIPTION, content, durable=False)


def _parse(fields: Fields) -> Description:
    size = fields.integer("embedding_size", low=1)
    commit = fields.integer("commit")
    hits = parse_file(fields.fields("hits"), row_bytes=HIT_DTYPE.itemsize)
    description = Description(
        index_id=fields.text("index_id"),
        commit=commit,
        embedding_size=size,
        embeddings=parse_file(fields.fields("embeddings"), row_bytes=2 * size),
        hits=hits,
        paths=parse_file(fields.fields("paths"), max_row_bytes=MAX_PATH_BYTES),
        ann=_parse_ann(fields.fields("fast")) if "fast" in fields else None,
        windows=_parse_windows(fields.fields("windows"), size) if "windows" in fields else None,
        table=parse_table(fields.fields("table")) if "table" in fields else None,
    )
    names = [DESCRIPTION, *(stored.file for stored in description.all_files())]
    if len(set(names)) < len(names):
        raise ValueError("it names one file twice")
    if max(hits.rows, description.paths.rows) > description.embeddings.rows:
        raise ValueError("it has more hits or paths than embeddings")
    if description.ann is not None and description.ann.stored.rows > description.embeddings.rows:
        raise ValueError("its approximate index has more rows than there are embeddings")
    return description


def parse_file(
    fields: Fields, *, row_bytes: int | None = None, max_row_bytes: int | None = None
) -> DerivedFile:
    """What a description says of one file.

    Args:
        fields: of the description.
        row_bytes: bytes of every row; None: any.
        max_row_bytes: the most that a row may have; None: any.

    Raises:
        ValueError: it is not valid.
    """
    rows, size = fields.integer("rows", high=MAX_ROWS), fields.integer("bytes")
    if row_bytes is not None and size != rows * row_bytes:
        raise ValueError(f"{rows} rows cannot have {size} bytes")
    if max_row_bytes is not None and size > (rows + 1) * max_row_bytes:
        raise ValueError(f"{rows} rows cannot have {size} bytes")
    name = check_plain_name(fields.value("file"))
    return DerivedFile(name, rows, size, fields.integer("crc32", high=2**32 - 1))


def _parse_ann(fields: Fields) -> AnnFile:
    kind = fields.text("kind")
    if kind not in KINDS:
        raise ValueError(f"there is no kind of vector index named {kind!r}")
    return AnnFile(
        stored=parse_file(fields.fields("part")),
        kind=kind,
        trained_rows=fields.integer("learnt_from", high=MAX_ROWS),
        effort=fields.integer("effort", low=1, high=MAX_EFFORT),
        expected_recall=fields.number("expected_recall", low=0, high=1),
        recall=fields.number("recall", low=0, high=1),
        used_sample_queries=fields.boolean("texts"),
    )


def _parse_windows(fields: Fields, embedding_size: int) -> WindowFiles:
    return WindowFiles(
        rows=parse_file(fields.fields("rows"), row_bytes=window_dtype(embedding_size).itemsize),
        ranges=parse_file(fields.fields("spans"), row_bytes=RANGE_DTYPE.itemsize),
        next_clip_id=fields.integer("until"),
    )


def _document(description: Description) -> dict[str, Any]:
    ann, windows = description.ann, description.windows
    return {
        "index_id": description.index_id,
        "commit": description.commit,
        "embedding_size": description.embedding_size,
        "embeddings": asdict(description.embeddings),
        "hits": asdict(description.hits),
        "paths": asdict(description.paths),
        "fast": None
        if ann is None
        else {
            "part": asdict(ann.stored),
            "kind": ann.kind,
            "learnt_from": ann.trained_rows,
            "effort": ann.effort,
            "expected_recall": ann.expected_recall,
            "recall": ann.recall,
            "texts": ann.used_sample_queries,
        },
        "windows": None
        if windows is None
        else {
            "rows": asdict(windows.rows),
            "spans": asdict(windows.ranges),
            "until": windows.next_clip_id,
        },
        "table": None
        if description.table is None
        else {"version": description.table.version, "files": description.table.bytes},
        "format_version": FORMAT_VERSION,
    }
