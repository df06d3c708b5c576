"""Videos and helpers that the tests of the media floor share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from jepa_retrieval.media import DecodeRequest, MediaWindow, read_windows

Read = Callable[..., list[MediaWindow]]

SIZE = 48


@pytest.fixture
def read() -> Read:
    """Read a file into a list of windows."""

    def _read(path: Path, **options: object) -> list[MediaWindow]:
        options.setdefault("image_size", SIZE)
        return list(read_windows(DecodeRequest(path, **options)))  # type: ignore[arg-type]

    return _read


@pytest.fixture
def frame_times() -> Callable[[list[MediaWindow]], list[float]]:
    """All frame times of windows, in order."""
    return lambda windows: np.concatenate([window.times for window in windows]).tolist()
