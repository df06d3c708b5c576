"""Where third-party data lie."""

from __future__ import annotations

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def shared_folder() -> Path | None:
    """The folder of third-party data, `$JEPA_SHARED/data`, default `../shared/data` beside the checkout; or None."""
    folder = Path(os.environ.get("JEPA_SHARED", REPOSITORY.parent / "shared")) / "data"
    return folder if folder.is_dir() else None
