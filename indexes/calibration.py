"""A small derived file of numbers that were measured on an index; valid while the index stays about the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from indexes.files import write_atomically
from indexes.manifest import Manifest
from indexes.untrusted import read_json_object

FILE_NAME = "calibration.json"
FORMAT_VERSION = 1
MAX_BYTES = 64 * 1024 * 1024


def write_calibration(folder: Path, manifest: Manifest, content: dict[str, Any]) -> None:
    """Store numbers measured on the current commit.

    Raises:
        OSError: the folder cannot be written.
    """
    document = {**_identity(manifest), "commit": manifest.commit.number, "content": content}
    write_atomically(folder / FILE_NAME, json.dumps(document).encode(), durable=False)


def read_calibration(folder: Path, manifest: Manifest) -> dict[str, Any] | None:
    """What was stored for this index at any commit; None if there is nothing valid."""
    try:
        fields = read_json_object(folder / FILE_NAME, max_bytes=MAX_BYTES)
    except (OSError, ValueError):
        return None
    content = fields.value("content")
    if any(fields.value(name) != value for name, value in _identity(manifest).items()):
        return None
    return content if isinstance(content, dict) else None


def _identity(manifest: Manifest) -> dict[str, object]:
    return {
        "format_version": FORMAT_VERSION,
        "index_id": manifest.index_id,
        "fingerprint": manifest.fingerprint,
    }
