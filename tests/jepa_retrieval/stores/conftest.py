"""Fixtures of the tests of indexes in stores."""

from collections.abc import Callable
from pathlib import Path

import pytest

OnMachine = Callable[[str], None]


@pytest.fixture
def on_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OnMachine:
    """Go on as on a machine of this name, which has a cache of its own."""

    def go(name: str) -> None:
        monkeypatch.setenv("JEPA_CACHE", str(tmp_path / name))

    go("first")
    return go
