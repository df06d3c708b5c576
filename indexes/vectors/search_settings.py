"""Settings of the search that the user chose, in `search.json` beside the manifest.

They are kept when the vector index is rebuilt. Without the file the defaults hold.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from indexes.files import write_atomically
from indexes.reasons import reason
from indexes.untrusted import Fields, read_json_object
from indexes.vectors.kinds import KINDS

logger = logging.getLogger(__name__)

SETTINGS_FILE = "search.json"
FORMAT_VERSION = 1
MAX_BYTES = 65_536

DEFAULT_RECALL = 0.98

SearchDevice = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """What the vector index has to achieve. None means the default."""

    memory: float | None = None  # maximum bytes of memory for searches; None: no limit
    recall: float | None = None  # recall@10 to reach; None: 0.98
    kind: str | None = None  # kind of vector index by name, whatever the rest says; None: chosen by the rest
    device: SearchDevice = "auto"  # "cuda": search on a GPU; "auto": only many queries at once; "cpu": never
    gpu_kind: str | None = None  # kind of index on a GPU by name; None: chosen by its memory

    @property
    def target_recall(self) -> float:
        """The recall@10 to tune to."""
        return DEFAULT_RECALL if self.recall is None else self.recall


def write_search_settings(folder: Path, settings: SearchSettings) -> None:
    """Store the settings of the index in `folder`.

    Raises:
        OSError: the folder cannot be written.
    """
    document = {"format_version": FORMAT_VERSION, **dataclasses.asdict(settings)}
    document["crc32"] = _checksum(document)
    write_atomically(folder / SETTINGS_FILE, (json.dumps(document, indent=2) + "\n").encode())


def read_search_settings(folder: Path) -> SearchSettings:
    """The stored settings; the defaults if there are none, or (with a warning) if they cannot be read."""
    path = folder / SETTINGS_FILE
    try:
        return load_search_settings(folder)
    except FileNotFoundError:
        return SearchSettings()
    except (OSError, ValueError) as error:
        logger.warning("%s is ignored: %s; `jepa optimize` replaces it", path, reason(error))
        return SearchSettings()


def load_search_settings(folder: Path) -> SearchSettings:
    """The stored settings.

    Raises:
        FileNotFoundError: there are none.
        OSError, ValueError: they cannot be read, or are damaged.
    """
    return _parse(read_json_object(folder / SETTINGS_FILE, max_bytes=MAX_BYTES))


def copy_search_settings(source: Path, target: Path) -> None:
    """Copy the settings from one index folder to another.

    Raises:
        OSError: the folder cannot be written.
    """
    if (source / SETTINGS_FILE).exists():
        write_search_settings(target, read_search_settings(source))


def _parse(fields: Fields) -> SearchSettings:
    names = ("format_version", *(field.name for field in dataclasses.fields(SearchSettings)))
    fields.check_names(*names, "crc32")
    if fields.value("format_version") != FORMAT_VERSION:
        raise ValueError("it has another format")
    # Without a checksum, it was written by hand or by an earlier version.
    if "crc32" in fields and fields.value("crc32") != _checksum({name: fields.value(name) for name in names}):
        raise ValueError("its checksum is wrong")
    kind = fields.text("kind") if "kind" in fields else None
    if kind is not None and kind not in KINDS:
        raise ValueError(f"there is no kind {kind!r}")
    device = fields.text("device") if "device" in fields else "auto"
    if device not in get_args(SearchDevice):
        raise ValueError(f"there is no device {device!r}")
    return SearchSettings(
        memory=fields.number("memory", low=1) if "memory" in fields else None,
        recall=fields.number("recall", low=1e-6, high=1) if "recall" in fields else None,
        kind=kind,
        device=cast(SearchDevice, device),
        gpu_kind=fields.text("gpu_kind") if "gpu_kind" in fields else None,
    )


def _checksum(document: dict[str, object]) -> int:
    """CRC-32 of the settings as JSON, whatever the layout of the file."""
    return zlib.crc32(json.dumps(document, sort_keys=True).encode())
