"""`verify` finds what is wrong and names a remedy; `stats` counts."""

import os
import re
import subprocess
import sys
import time

import lance
import numpy as np
import pytest

from indexes import ClipRecord, Index, IndexFormatError, MediaRecord, SearchSettings
from indexes.files import bytes_below
from indexes.health import manifest_problem


def problems(index):
    return {problem.what for problem in index.verify()}


@pytest.fixture
def full(index, put):
    with index.writer() as writer:
        for number in range(15):
            put(writer, f"{number}.mp4", 2)
    return index


def fill(index, vectors, *, content_hash=""):
    with index.writer() as writer:
        for number, vector in enumerate(vectors):
            record = MediaRecord(f"{number}.mp4", 1, 1, content_hash=content_hash)
            writer.put(record, [ClipRecord(0.0, 1.0, vector)])


def test_a_good_index_has_no_problems(full):
    assert full.verify() == []


@pytest.mark.parametrize(
    "name",
    [
        "data/.tmpyxPGX9",
        "_deletions/.tmpyxPGX9",
        "data/lost.lance",
        "_deletions/37-63-18365495339757605859.arrow",
    ],
)
def test_what_lance_wrote_before_it_was_killed_goes_with_the_next_writer(full, name):
    path = full.folder / "clips.lance" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"half")
    assert problems(full) == {"orphaned files"}
    with full.writer() as writer:
        writer.commit()
    assert full.verify() == []
    assert not path.exists()


def test_constant_embeddings_are_reported(index, vector):
    fill(index, [vector("same")] * 30)
    (problem,) = index.verify()
    assert problem.what == "constant embeddings"
    assert "30 of 30" in problem.detail
    assert "--rebuild" in problem.remedy


def test_copies_of_one_file_may_be_alike(index, vector):
    fill(index, [vector("same")] * 30, content_hash="a")
    assert index.verify() == []


def test_a_new_index_has_no_problems(index):
    assert index.verify() == []


def test_embeddings_that_collapsed_into_a_corner_are_reported(index, vector):
    near = [vector("corner") + 0.01 * vector(str(number)) for number in range(30)]
    fill(index, [value / np.linalg.norm(value) for value in near])
    assert problems(index) == {"collapsed embeddings"}


def test_embeddings_of_wrong_length_are_reported(index, vector):
    fill(index, [vector("a"), 2 * vector("b")])
    (problem,) = index.verify()
    assert problem.what == "embeddings that are not of unit length"
    assert "1 of 2 clips, the first of 1.mp4" in problem.detail


def test_an_unfinished_write_is_reported_and_rolled_back(full, put):
    table = lance.dataset(full.folder / "clips.lance")
    lance.write_dataset(table.to_table().slice(0, 1), table, mode="append")
    assert problems(full) == {"unfinished write"}
    with full.writer():
        pass
    assert full.verify() == []
    assert full.stats().clips == 30


@pytest.mark.parametrize("table", ["media.lance", "clips.lance"])
@pytest.mark.parametrize("damage", ["removed", "cut short"])
def test_damaged_tables_are_reported(full, table, damage):
    path = next((full.folder / table / "data").iterdir())
    if damage == "removed":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-100])
    (problem,) = full.verify()
    assert problem.what == "damaged table"
    assert problem.detail.startswith(f"{table} is missing or damaged: ")
    # A rebuild cannot lock such an index.
    assert f"delete {full.folder} and run `jepa index` again" in problem.remedy
    said = rf"^{full.folder} is damaged \({table} [^`]*\): run `jepa verify`$"
    with pytest.raises(IndexFormatError, match=said):
        full.writer()
    assert ".rs:" not in problem.detail
    if table == "clips.lance":
        # The vectors alone would answer, and no table is opened for them.
        for read in (lambda index: index.search(np.ones((1, 16)), k=1), lambda index: index.all_clips()):
            with pytest.raises(IndexFormatError, match=said):
                read(Index.open(full.folder))


def damage_pages(folder):
    """Overwrite values at the begin of a table's file, whose description at its end stays."""
    path = max((folder / "data").iterdir(), key=lambda file: file.stat().st_size)
    content = path.read_bytes()
    path.write_bytes(bytes(byte ^ 0xFF for byte in content[:500]) + content[500:])


@pytest.mark.parametrize(
    ("table", "remedy"),
    [("media.lance", "index and run `jepa index` again"), ("clips.lance", "--rebuild")],
)
def test_damaged_pages_of_a_table_have_a_remedy_that_works(full, put, table, remedy):
    damage_pages(full.folder / table)
    (problem,) = full.verify()
    assert table in problem.detail and remedy in problem.remedy
    if table == "media.lance":
        with pytest.raises(IndexFormatError, match=rf"{full.folder} is damaged .*: run `jepa verify`"):
            full.writer()
    else:
        with full.writer():  # which is what a rebuild needs
            pass


def test_a_write_that_fails_for_damage_says_what_to_run(full):
    damage_pages(full.folder / "clips.lance")
    match = rf"^{full.folder} is damaged \(clips\.lance [^`]*\): run `jepa verify`$"
    with pytest.raises(IndexFormatError, match=match), full.writer() as writer:
        writer.remove(["1.mp4"])


def test_optimize_does_not_pass_over_damaged_rows(full):
    path = max((full.folder / "clips.lance" / "data").iterdir(), key=lambda file: file.stat().st_size)
    content = path.read_bytes()
    begin = content.index(b"1.mp4")
    path.write_bytes(content[:begin] + b"\xff" * 5 + content[begin + 5 :])
    before = full.manifest
    with pytest.raises(IndexFormatError, match=rf"^{full.folder} is damaged \([^`]*\): run `jepa verify`$"):
        full.maintenance.optimize()
    assert Index.open(full.folder).manifest.commit.number == before.commit.number


def test_a_change_that_has_to_read_damaged_rows_says_so_without_a_traceback(full):
    path = max((full.folder / "clips.lance" / "data").iterdir(), key=lambda file: file.stat().st_size)
    content = path.read_bytes()
    begin = content.index(b"1.mp4")  # paths, which the change reads and the deletion of the old rows does not
    path.write_bytes(content[:begin] + b"\xff" * 5 + content[begin + 5 :])
    match = rf"^{full.folder} is damaged \(clips\.lance is missing or damaged: [^\n]+\): run `jepa verify`$"
    with pytest.raises(IndexFormatError, match=match) as caught, full.writer() as writer:
        writer.move("1.mp4", "moved.mp4", mtime_ns=2)
    assert "Traceback" not in str(caught.value) and "pending.py" not in str(caught.value)


def test_records_that_contradict_each_other_are_reported(full):
    table = lance.dataset(full.folder / "clips.lance", version=full.manifest.commit.clips_version)
    table.delete("path = '3.mp4' and start > 0")
    table.update({"path": "'renamed.mp4'"}, where="path = '4.mp4'")
    table.update({"media_id": "777"}, where="path = '5.mp4'")
    manifest = full.folder / "manifest.json"
    old, new = full.manifest.commit.clips_version, table.version
    manifest.write_text(manifest.read_text().replace(f'"clips_version": {old}', f'"clips_version": {new}'))
    found = problems(full)
    assert {"clips are missing", "clips name another path than their file", "clips without a file"} <= found


def test_a_missing_vector_index_is_reported_and_built_again(full):
    (full.folder / "vectors" / "vectors.json").unlink()
    (problem,) = full.verify()
    assert problem.what == "missing or damaged vector index"
    assert "jepa optimize" in problem.remedy
    full.maintenance.optimize()
    assert full.verify() == []


def test_a_stale_vector_index_is_reported(full, put):
    writer = full.writer()
    put(writer, "new.mp4")
    writer.commit()
    writer._lock.release()  # as if it had been killed
    (problem,) = full.verify()
    assert problem.what == "stale vector index" and "killed" in problem.detail
    assert "jepa index" in problem.remedy and "jepa optimize" in problem.remedy
    with full.writer():
        pass  # what `jepa index` does
    assert full.verify() == []


@pytest.mark.parametrize("byte", range(0, 120, 7))
def test_any_changed_byte_of_the_search_settings_is_reported(full, byte):
    full.maintenance.optimize(settings=SearchSettings(memory=4e9, recall=0.95))
    assert full.verify() == [] and full.maintenance.search_settings.recall == 0.95
    path = full.folder / "search.json"
    content = bytearray(path.read_bytes())
    if chr(content[byte]).isspace():
        return
    content[byte] ^= 1
    path.write_bytes(content)
    assert problems(full) == {"wrong search settings"}


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe{}", b"[]", b'{"format": "jepa-index"}'])
def test_a_damaged_manifest_has_a_remedy(full, content):
    assert manifest_problem(full.folder) is None
    (full.folder / "manifest.json").write_bytes(content)
    problem = manifest_problem(full.folder)
    assert problem.what == "damaged manifest" and "codec" not in problem.detail
    assert "from a backup, or delete" in problem.remedy
    with pytest.raises(IndexFormatError, match="^" + re.escape(f"{problem.detail}: run `jepa verify`") + "$"):
        Index.open(full.folder)


def test_nobody_is_told_to_delete_the_folder_of_another_program(tmp_path):
    (tmp_path / "manifest.json").write_text('{"name": "a web page"}')
    problem = manifest_problem(tmp_path)
    assert problem.detail == f"{tmp_path / 'manifest.json'} is not the manifest of an index"
    assert problem.remedy.startswith("name an index with --index; if ")


def test_files_that_nothing_refers_to_are_reported(full):
    (full.folder / "vectors" / "hits-old.bin").write_bytes(b"x")
    (problem,) = full.verify()
    assert (problem.what, "hits-old.bin" in problem.detail) == ("orphaned files", True)
    full.maintenance.optimize()
    assert full.verify() == []


def test_what_rebuilds_left_behind_is_reported(full):
    (full.folder.parent / "index.rebuilding").mkdir()
    (full.folder.parent / "index.replaced-1").mkdir()
    (full.folder.parent / "indexed elsewhere").mkdir()
    assert problems(full) == {"unfinished rebuild", "orphaned index"}


def test_a_calibration_of_another_fingerprint_is_reported(full):
    full.save_calibration({"clips": 1})
    assert full.verify() == []
    assert full.calibration() == {"clips": 1}
    file = full.folder / "calibration.json"
    file.write_text(file.read_text().replace('"f00"', '"other"'))
    assert problems(full) == {"wrong calibration"}
    assert full.calibration() is None


def test_stats_count_files_and_bytes(index, vector):
    random = np.random.default_rng(0)
    with index.writer() as writer:
        for number in range(8):
            clip = ClipRecord(
                0.0,
                1.0,
                vector(str(number)),
                tokens=random.standard_normal((20, 50)).astype(np.float16),
                thumbnail=random.bytes(3000),
            )
            writer.put(MediaRecord(f"{number}.mp4", 1, 1, duration=2.5), [clip])
        writer.put(MediaRecord("i.jpg", 1, 1, kind="image"), [ClipRecord(None, None, vector("i"))])
        writer.put(MediaRecord("bad.mp4", 1, 1, state="failed", error="no"), [])
    stats = index.stats()
    assert (stats.files_ok, stats.files_failed, stats.videos, stats.images, stats.clips) == (9, 1, 8, 1, 9)
    assert stats.media_seconds == 20.0
    assert stats.tokens_bytes == pytest.approx(8 * 20 * 50 * 2, rel=0.1)
    assert stats.thumbnails_bytes == pytest.approx(8 * 3000, rel=0.1)
    assert 9 * 16 * 2 <= stats.embeddings_bytes < 2_000
    assert (stats.vector_kind, stats.vectors_covered) == ("exact", 9)
    assert stats.total_bytes == bytes_below(index.folder)
    assert (stats.model, stats.prompt, stats.fingerprint) == ("nano", "what?", "f00")


def test_a_running_writer_is_no_problem(full, put):
    reader = Index.open(full.folder)
    with full.writer() as writer:
        put(writer, "new.mp4", 3)
        writer.commit()  # the vectors are brought up to date when the writer closes
        (full.folder / "vectors" / "hits-new.bin").write_bytes(b"not named yet")
        put(writer, "later.mp4", 3)
        assert reader.verify() == []
    assert reader.verify() == []


def test_verify_beside_a_busy_writer_finds_nothing(full):
    code = """
import sys
import numpy as np
from indexes import ClipRecord, Index, MediaRecord
index, number = Index.open(sys.argv[1]), 0
while True:
    with index.writer() as writer:
        vectors = np.random.default_rng(number).standard_normal((3, 16)).astype(np.float32)
        for vector in vectors / np.linalg.norm(vectors, axis=1, keepdims=True):
            number += 1
            writer.put(MediaRecord(f"{number}.mp4", 1, 1), [ClipRecord(0.0, 1.0, vector)])
            writer.commit()
    if number % 9 == 0:
        index.maintenance.optimize()
"""
    first = full.manifest.commit.number
    process = subprocess.Popen([sys.executable, "-c", code, str(full.folder)])
    try:
        verified: set[int] = set()  # commits, each three of which are followed by some of optimize
        while len(verified) < 6:
            reader = Index.open(full.folder)
            assert reader.verify() == []
            verified |= {reader.manifest.commit.number} - {first}
            assert process.poll() is None
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    "name", ["queries.f32.tmp", "manifest.json.0123456789ab.tmp", "vectors/vectors.json.tmp"]
)
def test_temporary_files_of_dead_writers_are_named_and_deleted(full, name):
    path = full.folder / name
    path.write_bytes(b"half")
    os.utime(path, (time.time() - 3600,) * 2)
    [problem] = full.verify()
    assert problem.what == "orphaned files" and path.name in problem.detail
    full.maintenance.optimize()
    assert not path.exists()
    assert full.verify() == []


def test_a_temporary_file_that_is_being_written_is_no_problem(full):
    (full.folder / "calibration.json.0123456789ab.tmp").write_bytes(b"half")
    assert full.verify() == []


def test_files_of_a_table_that_no_version_has_are_named_and_deleted(full):
    path = full.folder / "clips.lance" / "data" / "lost.lance"
    path.write_bytes(b"half")
    [problem] = full.verify()
    assert problem.what == "orphaned files" and "data/lost.lance" in problem.detail
    full.maintenance.optimize()
    assert not path.exists()
    assert full.verify() == []
