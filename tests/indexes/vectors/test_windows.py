"""The streams beside the vectors: what is read equals what was stored, whatever happened to the files."""

import numpy as np
import pytest

from indexes import ClipRecord, IndexStoreError, MediaRecord
from indexes.vectors import windows

SIZE = 16


@pytest.fixture
def fill(index):
    """Puts files of clips with random streams of the given lengths; remembers every stream by clip_id."""
    random = np.random.default_rng(0)

    def do(files: dict[str, list[int]]) -> dict[int, tuple[np.ndarray, np.ndarray]]:
        stored = {}
        with index.writer() as writer:
            for path, lengths in files.items():
                clips = []
                for length in lengths:
                    vectors = random.standard_normal((length, SIZE)).astype(np.float16)
                    times = np.arange(2 * length, dtype=np.float32).reshape(length, 2)
                    unit = vectors[0] / np.linalg.norm(vectors[0].astype(np.float32))
                    clips.append(ClipRecord(0.0, 2.0, unit, times, vectors))
                ids = writer.put(MediaRecord(path, 1, 1), clips)
                stored |= {i: (c.window_times, c.window_embeddings) for i, c in zip(ids, clips, strict=True)}
        return stored

    return do


def check(index, stored):
    found = index.windows(list(stored))
    assert set(found) == {clip for clip, (times, _) in stored.items() if len(times) > 1}
    for clip, stream in found.items():
        assert np.array_equal(stream.times, stored[clip][0])
        assert np.array_equal(stream.embeddings, stored[clip][1])


def read_without_table(index, stored, monkeypatch):
    """The same, when the table must not be opened."""
    index._reader.reopen()
    monkeypatch.setattr("indexes.tables.open_table", None)
    check(index, stored)


def test_streams_are_read_from_their_file(index, fill, monkeypatch):
    stored = fill({"a.mp4": [3, 1, 5], "b.mp4": [2]})
    stored |= fill({"c.mp4": [4, 1]})
    read_without_table(index, stored, monkeypatch)


def test_removed_files_leave_and_the_file_is_written_anew(index, fill, monkeypatch):
    stored = fill({f"{number}.mp4": [4, 2] for number in range(10)})
    with index.writer() as writer:
        writer.remove([f"{number}.mp4" for number in range(5)])
    kept = {clip: stream for clip, stream in stored.items() if clip >= 10}
    size = windows.window_dtype(SIZE).itemsize
    (file,) = (index.folder / "vectors").glob("windows-*.f16")
    assert file.stat().st_size == 5 * 6 * size
    read_without_table(index, kept, monkeypatch)
    with pytest.raises(IndexStoreError):
        index.embeddings([0])


@pytest.mark.parametrize("damage", ["flipped", "cut short", "removed", "ranges"])
def test_damage_costs_time_and_not_answers(index, fill, damage):
    stored = fill({"a.mp4": [3, 1, 5], "b.mp4": [2]})
    pattern = "window-ranges-*.bin" if damage == "ranges" else "windows-*.f16"
    (file,) = (index.folder / "vectors").glob(pattern)
    content = file.read_bytes()
    if damage == "removed":
        file.unlink()
    else:
        file.write_bytes(content[:-8] if damage == "cut short" else b"\xff" * 9 + content[9:])
    index._reader.reopen()
    check(index, stored)
    assert "missing or damaged vector index" in {problem.what for problem in index.verify()}
    index.maintenance.optimize()
    assert index.verify() == []
    check(index, stored)


def test_clips_after_the_files_are_read_from_the_table(index, fill):
    stored = fill({"a.mp4": [3, 2]})
    writer = index.writer()
    vectors = np.eye(SIZE, dtype=np.float16)[:2]
    times = np.zeros((2, 2), np.float32)
    (clip,) = writer.put(MediaRecord("b.mp4", 1, 1), [ClipRecord(0.0, 1.0, vectors[0], times, vectors)])
    writer.commit()
    writer._lock.release()  # as if it had been killed
    index.refresh()
    check(index, stored | {clip: (times, vectors)})


def test_clips_are_found_by_file_and_by_number(index, fill):
    fill({"a.mp4": [3, 1], "b.mp4": [2]})
    assert [hit.path for hit in index.all_clips()] == ["a.mp4", "a.mp4", "b.mp4"]
    assert [hit.clip_id for hit in index.clips_of("a.mp4")] == [0, 1]
    assert index.clips_of("c.mp4") == []
    assert index.count_clips() == 3
    assert index.sample(2).shape == (2, SIZE)
    assert np.allclose(np.linalg.norm(index.embeddings([2, 0]), axis=1), 1, atol=1e-2)
