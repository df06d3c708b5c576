"""`vectors.json`: names of the derived files, the commit they were made from, and their checksums.

It is replaced last, so that it never names an incomplete file. Its keys are those of the format
(docs/index-format.md); where the code uses a clearer name, `_parse` and `_document` translate.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from indexes.files import write_atomically

FOLDER = "vectors"
DESCRIPTION = "vectors.json"
FORMAT_VERSION = 1


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

    def all_files(self) -> list[DerivedFile]:
        """Every file that is named."""
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
        content = json.loads(path.read_bytes())
        if content["format_version"] != FORMAT_VERSION:
            raise DamagedVectorsError(f"{path} has another format")
        description = _parse(content)
    except FileNotFoundError:
        raise DamagedVectorsError(f"{path} is missing") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedVectorsError(f"{path} is damaged: {error}") from error
    if (description.index_id, description.embedding_size) != (index_id, embedding_size):
        raise DamagedVectorsError(f"{path} belongs to another index")
    return description


def write_description(folder: Path, description: Description) -> None:
    """Replace `vectors.json`.

    Raises:
        OSError: the folder cannot be written.
    """
    content = json.dumps(_document(description), indent=2).encode()
    write_atomically(folder / FOLDER / DESCRIPTION, content, durable=False)


def _parse(content: dict[str, Any]) -> Description:
    ann, windows = content.get("fast"), content.get("windows")
    return Description(
        index_id=content["index_id"],
        commit=content["commit"],
        embedding_size=content["embedding_size"],
        embeddings=DerivedFile(**content["embeddings"]),
        hits=DerivedFile(**content["hits"]),
        paths=DerivedFile(**content["paths"]),
        ann=None if ann is None else _parse_ann(ann),
        windows=None if windows is None else _parse_windows(windows),
    )


def _parse_ann(content: dict[str, Any]) -> AnnFile:
    return AnnFile(
        stored=DerivedFile(**content["part"]),
        kind=content["kind"],
        trained_rows=content["learnt_from"],
        effort=content["effort"],
        expected_recall=content["expected_recall"],
        recall=content["recall"],
        used_sample_queries=content["texts"],
    )


def _parse_windows(content: dict[str, Any]) -> WindowFiles:
    return WindowFiles(
        rows=DerivedFile(**content["rows"]),
        ranges=DerivedFile(**content["spans"]),
        next_clip_id=content["until"],
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
        "format_version": FORMAT_VERSION,
    }
