"""What two indexes must have in common is compared in every point."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from benchmarks.shared.small_library import Content
from indexes import ClipRecord, Index, MediaRecord

Stored = dict[
    str, Sequence[tuple[float, float]]
]  # by path: start of a clip, and the direction of its embedding


def index(folder: Path, files: Stored, *, state: str = "ok") -> Content:
    made = Index.create(folder, model="m", prompt="", fingerprint="f", embedding_size=2, media_root="/x")
    with made.writer() as writer:
        for path, clips in files.items():
            records = [
                ClipRecord(
                    start=start, end=start + 2, embedding=np.array([np.cos(angle), np.sin(angle)], np.float32)
                )
                for start, angle in clips
            ]
            writer.put(MediaRecord(path, 1, 1, kind="video", state=state, error=None), records)
    return Content.of(folder)


FILES: Stored = {"a.mp4": [(0.0, 0.0), (2.0, 1.0)], "b.mp4": [(0.0, 2.0)]}


def test_the_same_in_another_order_is_no_difference(tmp_path: Path) -> None:
    plain = index(tmp_path / "1", FILES)
    assert index(tmp_path / "2", dict(reversed(FILES.items()))).difference(plain) == []


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"a.mp4": FILES["a.mp4"]}, "1 files differ, such as b.mp4"),
        ({**FILES, "b.mp4": [(0.0, 2.0), (0.0, 2.0)]}, "0 clips differ, of 4 and 3"),
        ({**FILES, "b.mp4": [(0.5, 2.0)]}, "2 clips differ, of 3 and 3"),
        ({**FILES, "b.mp4": [(0.0, 2.1)]}, "an embedding differs by"),
    ],
)
def test_every_difference_is_named(tmp_path: Path, other: Stored, said: str) -> None:
    found = index(tmp_path / "2", other).difference(index(tmp_path / "1", FILES))
    assert any(text.startswith(said) for text in found)
