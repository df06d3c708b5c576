"""Limits that a variable sets, and errors that name it."""

from pathlib import Path

import pytest

from jepa_retrieval.errors import UsageError
from jepa_retrieval.media import DecodePool, DecodeRequest, Failed, Finished
from jepa_retrieval.media.limits import MAX_PIXELS
from tests.media_factory import make_picture


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "many", "1e6", " 1", "٣"])
def test_a_value_that_is_no_number_is_named(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("JEPA_MAX_PIXELS", text)
    with pytest.raises(UsageError, match=r"\$JEPA_MAX_PIXELS must be a whole number above 0, not "):
        _ = MAX_PIXELS.value


def test_too_little_memory_names_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = make_picture(tmp_path / "large.png", size=(12_000, 10_000))  # 360 MB as RGB
    small = make_picture(tmp_path / "small.png")
    monkeypatch.setenv("JEPA_MAX_WORKER_BYTES", str(500 * 2**20))
    with DecodePool(workers=1) as pool:
        ends = [
            event
            for event in pool.run([DecodeRequest(path, image_size=32) for path in (large, small)])
            if isinstance(event, Failed | Finished)
        ]
    failed, finished = ends
    assert isinstance(failed, Failed) and isinstance(finished, Finished)
    assert failed.reason == (
        "decoding needs more memory than 524,288,000 bytes ($JEPA_MAX_WORKER_BYTES allows more)"
    )
