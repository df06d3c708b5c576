"""A small derived file of numbers that were measured on an index; valid while the index stays about the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from indexes.files import write_atomically
from indexes.manifest import Manifest

FILE_NAME = "calibration.json"
FORMAT_VERSION = 1


def write_calibration(folder: Path, manifest: Manifest, content: dict[str, Any]) -> None:
    """Store numbers measured on the present commit.

    Raises:
        OSError: the folder cannot be written.
    """
    document = {**_identity(manifest), "commit": manifest.commit.number, "content": content}
    write_atomically(folder / FILE_NAME, json.dumps(document).encode(), durable=False)


def read_calibration(folder: Path, manifest: Manifest) -> dict[str, Any] | None:
    """What was stored for this index, of whatever commit; None if there is nothing that fits it."""
    try:
        document = json.loads((folder / FILE_NAME).read_bytes())
        if any(document[name] != value for name, value in _identity(manifest).items()):
            return None
        content: dict[str, Any] = document["content"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return content


def _identity(manifest: Manifest) -> dict[str, object]:
    return {
        "format_version": FORMAT_VERSION,
        "index_id": manifest.index_id,
        "fingerprint": manifest.fingerprint,
    }
