"""The list of mount points: read back as written, and never a reason to fail."""

import json

import pytest

from indexes import IndexWriteError
from indexes.mounts import FILE_NAME, MAX_BYTES, read_mounts, write_mounts


def test_names_are_read_as_they_were_written(index):
    assert read_mounts(index.folder, index.manifest) == ()
    paths = [b"caf\xe9".decode("utf-8", "surrogateescape"), "disk"]
    write_mounts(index.folder, index.manifest, [*paths, "disk"])
    assert read_mounts(index.folder, index.manifest) == tuple(sorted(paths))
    before = (index.folder / FILE_NAME).stat().st_ino
    write_mounts(index.folder, index.manifest, paths)
    assert (index.folder / FILE_NAME).stat().st_ino == before  # nothing new: not written
    assert index.verify() == []


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other"},
        {"format_version": 2},
        {"index_id": "other"},
        {"paths": "disk"},
        {"paths": [5]},
        {"paths": ["a\0b"]},
        {"paths": ["x" * 40_000]},
        {"paths": ["x" * 30_000] * 40},
    ],
)
def test_a_list_of_someone_else_is_ignored_with_a_warning(index, caplog, change):
    write_mounts(index.folder, index.manifest, ["disk"])
    path = index.folder / FILE_NAME
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert read_mounts(index.folder, index.manifest) == ()
    assert "mounts.json is ignored" in caplog.text


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"[" * 100_000, b" " * (MAX_BYTES + 1)])
def test_any_bytes_are_ignored_with_a_warning(index, caplog, content):
    (index.folder / FILE_NAME).write_bytes(content)
    assert read_mounts(index.folder, index.manifest) == ()
    assert "mounts.json is ignored" in caplog.text


def test_a_full_disk_is_an_error_of_the_index(index, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("indexes.mounts.write_atomically", full)
    with pytest.raises(IndexWriteError, match="No space left on device"):
        write_mounts(index.folder, index.manifest, ["disk"])


def test_a_list_that_is_too_long_is_cut_with_a_warning(index, caplog):
    paths = [f"{'é' * 300}/{number}" for number in range(1000)]
    write_mounts(index.folder, index.manifest, paths)
    kept = read_mounts(index.folder, index.manifest)
    assert 0 < len(kept) < 1000 and kept == tuple(sorted(paths)[: len(kept)])
    assert (index.folder / FILE_NAME).stat().st_size <= MAX_BYTES
    assert f"holds only {len(kept)} of 1000 mount points" in caplog.text
    assert "ignored" not in caplog.text
