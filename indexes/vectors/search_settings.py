"""Settings of the search that the user chose, in `search.json` beside the manifest.

They are kept when the vector index is rebuilt. Without the file the defaults hold.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from indexes.files import write_atomically
from indexes.vectors.kinds import KINDS

logger = logging.getLogger(__name__)

SETTINGS_FILE = "search.json"
FORMAT_VERSION = 1

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
    write_atomically(folder / SETTINGS_FILE, (json.dumps(document, indent=2) + "\n").encode())


def read_search_settings(folder: Path) -> SearchSettings:
    """The stored settings; the defaults if there are none, or (with a warning) if they cannot be read."""
    path = folder / SETTINGS_FILE
    try:
        document = json.loads(path.read_bytes())
        if document.pop("format_version") != FORMAT_VERSION:
            raise ValueError("it has another format")
        settings = SearchSettings(**document)
        numbers = [value for value in (settings.memory, settings.recall) if value is not None]
        if not all(isinstance(value, int | float) and value > 0 for value in numbers):
            raise ValueError("memory and recall must be positive numbers")
        if settings.kind is not None and settings.kind not in KINDS:
            raise ValueError(f"there is no kind {settings.kind!r}")
        if settings.device not in get_args(SearchDevice):
            raise ValueError(f"there is no device {settings.device!r}")
        return settings
    except FileNotFoundError:
        return SearchSettings()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        logger.warning("%s is ignored: %s; `jepa optimize` replaces it", path, error)
        return SearchSettings()


def copy_search_settings(source: Path, target: Path) -> None:
    """Copy the settings from one index folder to another.

    Raises:
        OSError: the folder cannot be written.
    """
    if (source / SETTINGS_FILE).exists():
        shutil.copyfile(source / SETTINGS_FILE, target / SETTINGS_FILE)
