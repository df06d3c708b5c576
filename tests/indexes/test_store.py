"""An index through its public door: what goes in comes out."""

import dataclasses
import json

import numpy as np
import pytest

from indexes import (
    ClipHit,
    ClipRecord,
    FilterError,
    FingerprintMismatchError,
    Index,
    IndexFormatError,
    IndexNotFoundError,
    IndexStoreError,
    IndexWriteError,
    MediaRecord,
    arrays,
)
from indexes.manifest import FORMAT_VERSION
from indexes.rows import file_rows


def test_a_new_index_is_empty_and_says_what_it_is(index):
    manifest = Index.open(index.folder).manifest
    assert (manifest.model, manifest.prompt, manifest.fingerprint) == ("nano", "what?", "f00")
    assert index.search(np.ones((2, 16), np.float32), k=3) == [[], []]
    assert index.known_files() == {}
    assert len(index.media()) == 0
    assert index.verify() == []


def test_a_record_comes_back_as_it_was_put(index, vector):
    media = MediaRecord(
        "trip/a b'c\n\u00e9\U0001f600.mp4", 2**40, 1_600_000_000_123_456_789, content_hash="ab", duration=12.5,
        width=1920, height=1080, frame_rate=29.97, codec="h264", sampling="auto",
    )  # fmt: skip
    clip = ClipRecord(
        1.5,
        4.0,
        vector("a"),
        window_times=np.array([[1.5, 2.5], [2.5, 4.0]], np.float32),
        window_embeddings=np.stack([vector("b"), vector("c")]).astype(np.float16),
        tokens=np.arange(10, dtype=np.float16).reshape(5, 2),
        thumbnail=b"\xff\xd8jpeg",
    )
    with index.writer() as writer:
        (clip_id,) = writer.put(media, [clip])
    assert index.known_files() == {media.path: media}
    (hits,) = index.search(vector("a")[None], k=5)
    assert [dataclasses.replace(hit, score=1.0) for hit in hits] == [
        ClipHit(clip_id, 1.0, media.path, "video", 1.5, 4.0)
    ]
    assert hits[0].score == pytest.approx(1.0, abs=1e-3)
    row = index.clips([clip_id])
    assert row["thumbnail"][0].as_py() == clip.thumbnail
    assert np.array_equal(arrays.tokens(row)[0], clip.tokens)
    assert np.array_equal(arrays.window_times(row)[0], clip.window_times)
    assert np.array_equal(arrays.window_embeddings(row, 16)[0], clip.window_embeddings)
    assert np.allclose(arrays.embeddings(row)[0], clip.embedding, atol=1e-3)


def test_an_image_has_no_times_and_may_have_no_tokens(index, vector):
    with index.writer() as writer:
        (clip_id,) = writer.put(
            MediaRecord("a.jpg", 1, 1, kind="image"), [ClipRecord(None, None, vector("a"))]
        )
    hit = index.search(vector("a")[None], k=1)[0][0]
    assert (hit.kind, hit.start, hit.end) == ("image", None, None)
    row = index.clips([clip_id])
    assert arrays.tokens(row) == [None]
    assert arrays.window_embeddings(row, 16) == [None]
    assert arrays.window_times(row)[0].shape == (0, 2)


def test_clips_with_different_numbers_of_tokens(index, vector):
    tokens = [np.full((n, 3), n, np.float16) for n in (0, 1, 7, 300)]
    clips = [ClipRecord(0.0, 1.0, vector(str(n)), tokens=array) for n, array in enumerate(tokens)]
    with index.writer() as writer:
        clip_ids = writer.put(MediaRecord("a.mp4", 1, 1), clips)
    stored = arrays.tokens(index.clips(clip_ids, columns=["tokens", "token_size"]))
    assert all(np.array_equal(one, other) for one, other in zip(stored, tokens, strict=True))


def test_clips_come_in_the_order_asked_for(index, put):
    with index.writer() as writer:
        ids = put(writer, "a.mp4", 5)
    wanted = [ids[3], ids[0], ids[3], ids[4]]
    assert index.clips(wanted, columns=["clip_id", "start"]).to_pydict() == {
        "clip_id": wanted,
        "start": [3.0, 0.0, 3.0, 4.0],
    }
    assert len(index.clips([])) == 0
    with pytest.raises(IndexStoreError, match="no clip 99"):
        index.clips([ids[0], 99])


def test_iter_clips_visits_every_clip_once(index, put):
    with index.writer() as writer:
        ids = [clip_id for n in range(7) for clip_id in put(writer, f"{n}.mp4", 3)]
    batches = list(index.iter_clips(columns=["clip_id"], batch_size=4))
    assert sorted(clip_id for batch in batches for clip_id in batch["clip_id"].to_pylist()) == ids
    some = index.iter_clips(columns=["path"], where="path = '3.mp4' and start > 0")
    assert [path for batch in some for path in batch["path"].to_pylist()] == ["3.mp4", "3.mp4"]


def test_put_replaces_the_file_and_its_clips_and_never_reuses_ids(index, put, vector):
    with index.writer() as writer:
        old = put(writer, "a.mp4", 3)
        other = put(writer, "b.mp4", 1)
    with index.writer() as writer:
        new = put(writer, "a.mp4", 2, salt="new")
        writer.remove(["b.mp4"])
    with index.writer() as writer:
        later = put(writer, "c.mp4", 1)
    assert len({*old, *other, *new, *later}) == 7
    hits = index.search(vector("a.mp4#0")[None], k=10)[0]
    assert {hit.clip_id for hit in hits} == {*new, *later}


def test_two_puts_of_a_path_in_one_group_leave_the_last(index, put):
    with index.writer() as writer:
        put(writer, "a.mp4", 3)
        last = put(writer, "a.mp4", 1)
    assert index.media(columns=["path", "clips"]).to_pylist() == [{"path": "a.mp4", "clips": 1}]
    assert [batch["clip_id"].to_pylist() for batch in index.iter_clips(columns=["clip_id"])] == [last]


def test_files_that_are_put_together_appear_together(index, vector, monkeypatch):
    monkeypatch.setattr("indexes.pending.MAX_PENDING_FILES", 2)  # less than the group
    records = [MediaRecord(f"{name}.png", 1, 1, kind="image") for name in "abc"]
    rows = [file_rows(r, [ClipRecord(None, None, vector(r.path))], embedding_size=16) for r in records]
    with index.writer() as writer:
        writer.put(MediaRecord("b.png", 9, 9, kind="image"), [])
        number = Index.open(index.folder).manifest.commit.number
        writer.put_together(rows)
        stored = Index.open(index.folder)
        assert stored.manifest.commit.number == number + 2  # what was at b.png before, and the group
        assert set(stored.known_files()) == {"a.png", "b.png", "c.png"}
    clips = index.all_clips()
    assert sorted(clip.path for clip in clips) == ["a.png", "b.png", "c.png"]
    assert len({clip.clip_id for clip in clips}) == 3
    (hits,) = index.search(vector("b.png")[None], k=1)
    assert hits[0].path == "b.png"
    with pytest.raises(IndexStoreError, match="shape"):
        file_rows(records[0], [ClipRecord(None, None, vector("a")[:5])], embedding_size=16)
    assert index.verify() == []


def test_move_keeps_clips_and_replaces_what_was_there(index, put, vector):
    with index.writer() as writer:
        ids = put(writer, "a.mp4", 2)
        put(writer, "b.mp4", 1)
    with index.writer() as writer:
        writer.move("a.mp4", "b.mp4", mtime_ns=1_500_000_000_000_000_000)
        with pytest.raises(IndexStoreError, match=r"nowhere\.mp4 is not in the index"):
            writer.move("nowhere.mp4", "c.mp4", mtime_ns=1)
    assert list(index.known_files()) == ["b.mp4"]
    assert index.known_files()["b.mp4"].mtime_ns == 1_500_000_000_000_000_000
    hits = index.search(vector("a.mp4#1")[None], k=10, where="mtime < '2018-01-01'")[0]
    assert (hits[0].clip_id, hits[0].path) == (ids[1], "b.mp4")
    assert {hit.clip_id for hit in hits} == set(ids)


def test_touch_changes_time_and_size_only(index, put):
    with index.writer() as writer:
        ids = put(writer, "a.mp4", 2)
    with index.writer() as writer:
        writer.touch("a.mp4", mtime_ns=5, size=6)
    record = index.known_files()["a.mp4"]
    assert (record.mtime_ns, record.size) == (5, 6)
    rows = index.clips(ids, columns=["size", "mtime"]).to_pylist()
    assert rows == [{"size": 6, "mtime": "1970-01-01T00:00:00Z"}] * 2


def test_a_failed_file_is_known_but_not_found(index, put):
    with index.writer() as writer:
        writer.put(MediaRecord("bad.mp4", 1, 1, state="failed", error="it is text"), [])
        put(writer, "good.mp4", 1)
    assert index.known_files()["bad.mp4"].error == "it is text"
    assert index.media(where="state = 'failed'", columns=["path"])["path"].to_pylist() == ["bad.mp4"]
    stats = index.stats()
    assert (stats.files_ok, stats.files_failed, stats.clips) == (1, 1, 1)
    assert index.verify() == []


def test_remove_returns_how_many_were_there(index, put):
    with index.writer() as writer:
        put(writer, "a.mp4")
        assert writer.remove(["a.mp4", "a.mp4", "b.mp4"]) == 1
    assert index.known_files() == {}


def test_readers_see_commits_after_refresh_only(index, put, vector):
    reader = Index.open(index.folder)
    with index.writer() as writer:
        put(writer, "a.mp4", 1)
        writer.commit()
        assert reader.known_files() == {}
        assert reader.refresh() is True
        assert list(reader.known_files()) == ["a.mp4"]
        assert len(reader.search(vector("x")[None], k=5)[0]) == 1
    assert index.refresh() is False


def test_what_was_put_before_an_exception_is_kept(index, put):
    with pytest.raises(KeyboardInterrupt), index.writer() as writer:
        put(writer, "a.mp4")
        raise KeyboardInterrupt
    assert list(index.known_files()) == ["a.mp4"]


def test_a_closed_writer_takes_no_more(index, put):
    with index.writer() as writer:
        pass
    with pytest.raises(IndexWriteError, match="closed"):
        put(writer, "a.mp4")


def test_an_index_can_be_put_in_the_place_of_one_that_is_locked(new_index, put, vector):
    old, new = new_index("old"), new_index("new")
    with old.writer() as writer:
        put(writer, "a.mp4", 1)
    with new.writer() as writer:
        put(writer, "b.mp4", 2)
    with old.writer():
        old.folder.rename(old.folder.with_name("replaced"))
        new.folder.rename(old.folder)
    assert list(old.known_files()) == ["b.mp4"]
    assert len(old.search(vector("x")[None], k=5)[0]) == 2
    assert old.verify() == []


def test_groups_are_committed_on_the_way(index, put, monkeypatch):
    monkeypatch.setattr("indexes.pending.MAX_PENDING_FILES", 4)
    with index.writer() as writer:
        for number in range(10):
            put(writer, f"{number}.mp4")
        assert len(Index.open(index.folder).known_files()) == 8


def test_put_refuses_vectors_that_do_not_fit(index, put, vector):
    with index.writer() as writer:
        with pytest.raises(
            IndexStoreError, match=r"a\.mp4: the embedding of clip 0 has shape \[8\], not \[16\]"
        ):
            writer.put(MediaRecord("a.mp4", 1, 1), [ClipRecord(0.0, 1.0, vector("a", 8))])
        with pytest.raises(IndexStoreError, match=r"a\.mp4: the embedding of clip 0 holds NaN"):
            writer.put(MediaRecord("a.mp4", 1, 1), [ClipRecord(0.0, 1.0, vector("a") * np.nan)])
        put(writer, "b.mp4")
    assert list(index.known_files()) == ["b.mp4"]


@pytest.mark.parametrize(
    ("vectors", "k", "said"),
    [
        (np.ones(16), 1, r"shape \[queries, 16\], not \[16\]"),
        (np.ones((1, 8)), 1, r"not \[1, 8\]"),
        (np.full((1, 16), np.nan), 1, "NaN"),
        (np.ones((1, 16)), 0, "k must be at least 1"),
    ],
)
def test_search_refuses_what_makes_no_sense(index, vectors, k, said):
    with pytest.raises(IndexStoreError, match=said):
        index.search(vectors, k=k)


def test_another_model_is_refused_with_the_remedy(index):
    index.require_fingerprint("f00", model="nano")
    with pytest.raises(FingerprintMismatchError, match=r"'nano'.*'vljepa'.*--rebuild"):
        index.require_fingerprint("f11", model="vljepa")
    with pytest.raises(FingerprintMismatchError, match="another prompt than 'what\\?'"):
        index.require_fingerprint("f11", model="nano")


def test_opening_what_is_not_an_index(tmp_path, index):
    with pytest.raises(IndexNotFoundError, match="no such file or folder"):
        Index.open(tmp_path / "nowhere")
    with pytest.raises(IndexNotFoundError, match="no manifest"):
        Index.open(tmp_path)
    manifest = index.folder / "manifest.json"
    content = json.loads(manifest.read_text())
    for damage, said in [
        ("{", "not JSON"),
        ("[]", "not the manifest"),
        (json.dumps({**content, "format_version": FORMAT_VERSION + 1}), "newer version.*upgrade"),
        (json.dumps({**content, "commit": {"number": "x"}}), "damaged"),
        (json.dumps({**content, "commit": 5}), "damaged"),
        (json.dumps({**content, "surprise": 5}), "damaged"),
    ]:
        manifest.write_text(damage)
        with pytest.raises(IndexFormatError, match=said):
            Index.open(index.folder)


def test_create_refuses_folders_with_other_content(new_index, tmp_path):
    new_index("one")
    with pytest.raises(IndexWriteError, match="already holds an index"):
        new_index("one")
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "holiday.mp4").touch()
    with pytest.raises(IndexWriteError, match=r"not empty.*holiday\.mp4"):
        new_index("two")


def test_create_takes_over_what_a_dead_creation_left(new_index, tmp_path):
    new_index("one").folder.joinpath("manifest.json").unlink()
    assert new_index("one").known_files() == {}


def test_unknown_columns_are_named(index):
    with pytest.raises(FilterError, match=r"no column 'colour'.*path"):
        index.media(columns=["colour"])
    with pytest.raises(FilterError, match=r"no column '_score'.*clip_id(?!.*_score)"):
        index.iter_clips(columns=["_score"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"path": "\udcff.mp4"},
        {"size": 2**70},
        {"width": 2**40},
        {"duration": "long"},
    ],
)
def test_a_record_that_cannot_be_stored_harms_nothing_else(index, put, wrong):
    with index.writer() as writer:
        put(writer, "a.mp4", 1)
        with pytest.raises(IndexStoreError, match="cannot be stored"):
            writer.put(MediaRecord(**{"path": "x.mp4", "size": 1, "mtime_ns": 1, **wrong}), [])
        with pytest.raises(IndexStoreError, match="cannot be stored"):
            put(writer, "x.mp4", 1, **{key: value for key, value in wrong.items() if key != "path"}, codec=5)
        with pytest.raises(IndexStoreError, match="cannot be stored"):
            writer.move("a.mp4", "\udcff.mp4", mtime_ns=1)
        put(writer, "b.mp4", 1)
    assert sorted(index.known_files()) == ["a.mp4", "b.mp4"]


def test_arrays_of_wrong_shape_are_refused(index, vector):
    for wrong in (
        {"tokens": np.zeros(5, np.float16)},
        {"window_times": np.zeros((2, 3), np.float32)},
        {"window_embeddings": np.zeros((2, 3), np.float16)},
        {"thumbnail": 5},
    ):
        with index.writer() as writer, pytest.raises(IndexStoreError, match=r"'a\.mp4' cannot be stored"):
            writer.put(MediaRecord("a.mp4", 1, 1), [ClipRecord(0.0, 1.0, vector("a"), **wrong)])
    assert index.known_files() == {}


@pytest.mark.parametrize("mtime_ns", [-(10**18), 0, 2**63, 10**30, -(10**30)])
def test_any_file_time_can_be_stored(index, put, mtime_ns):
    with index.writer() as writer:
        put(writer, "a.mp4", 1, mtime_ns=mtime_ns)
        put(writer, "b.mp4", 1)
        writer.commit()
        writer.touch("b.mp4", mtime_ns=mtime_ns, size=1)
    stored = index.known_files()
    assert stored["a.mp4"].mtime_ns == stored["b.mp4"].mtime_ns == max(-(2**63), min(mtime_ns, 2**63 - 1))


@pytest.mark.parametrize("table", ["media.lance", "clips.lance"])
def test_reading_from_damaged_tables_is_an_error_of_ours(index, put, vector, table):
    with index.writer() as writer:
        ids = put(writer, "a.mp4", 3)
    path = next((index.folder / table / "data").iterdir())
    path.write_bytes(bytes(path.stat().st_size))
    reads = {
        "media.lance": [index.known_files, index.media],
        "clips.lance": [
            lambda: index.clips(ids),
            lambda: list(index.iter_clips()),
            lambda: index.search(vector("x")[None], k=1, where="duration > 5"),
        ],
    }[table]
    for read in reads:
        with pytest.raises(IndexFormatError, match=r"damaged.*jepa verify"):
            read()
