"""Indexes in object stores: written from one machine, read from another, and never half there."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from fsspec.registry import _registry

from indexes import (
    ClipRecord,
    Index,
    IndexFormatError,
    IndexLockedError,
    IndexNotFoundError,
    IndexStoreError,
    IndexWriteError,
    MediaRecord,
)
from jepa_retrieval.errors import UsageError
from jepa_retrieval.source_paths import path_of
from jepa_retrieval.stores import store_lock
from jepa_retrieval.stores.commit import FILE_NAME as COMMIT
from jepa_retrieval.stores.mirror import IndexMirror
from jepa_retrieval.stores.objects import StoreFolder
from jepa_retrieval.stores.stored_index import StoredIndex, changing, stored_index_exists
from tests.jepa_retrieval.media.sources.test_stores import stand_in
from tests.jepa_retrieval.stores.conftest import OnMachine
from tests.s3_server import S3Server

PLACE = path_of("s3://media/indexes/films")


def created(place: Path = PLACE) -> StoredIndex:
    """A new index, which is not in the store yet."""
    mirror = IndexMirror(place)
    Index.create(mirror.folder, model="m", prompt="", fingerprint="f", embedding_size=4, media_root="/films")
    return StoredIndex(mirror)


def put(index: Index, path: str, direction: int) -> None:
    embedding = np.eye(4, dtype=np.float32)[direction]
    with index.writer() as writer:
        writer.put(
            MediaRecord(path, size=1, mtime_ns=1, kind="video"),
            [ClipRecord(start=0.0, end=2.0, embedding=embedding)],
        )


def nearest(index: Index, direction: int) -> str:
    return index.search(np.eye(4, dtype=np.float32)[[direction]], k=1)[0][0].path


def gone_on_after_a_kill(place: Path, monkeypatch: pytest.MonkeyPatch) -> StoredIndex:
    """An index with three files: the run that stored the second was killed between its commit and the answer."""
    index = created(place)
    with changing(index):
        put(index, "a.mp4", 0)
    write_if = StoreFolder.write_if

    def killed(folder: StoreFolder, name: str, data: bytes, *, tag: str) -> str:
        tag = write_if(folder, name, data, tag=tag)
        if name == COMMIT:
            raise KeyboardInterrupt
        return tag

    monkeypatch.setattr(StoreFolder, "write_if", killed)
    with pytest.raises(KeyboardInterrupt), changing(index):
        put(index, "b.mp4", 1)
    monkeypatch.setattr(StoreFolder, "write_if", write_if)
    again = StoredIndex.open(place)
    with changing(again):
        put(again, "c.mp4", 2)
    return again


def stored_names(s3: S3Server) -> list[str]:
    listed = s3.client.list_objects_v2(Bucket="media", Prefix="indexes/films/").get("Contents", [])
    return [item["Key"].removeprefix("indexes/films/") for item in listed]


@pytest.mark.parametrize("fail_every", [0, 7])
def test_what_one_machine_stores_another_finds_and_changes_are_seen(
    s3: S3Server, on_machine: OnMachine, fail_every: int
) -> None:
    s3.fail_every = fail_every
    index = created()
    with changing(index):
        put(index, "a.mp4", 0)
    on_machine("second")
    other = StoredIndex.open(PLACE)
    assert (other.manifest, nearest(other, 0)) == (index.manifest, "a.mp4")
    on_machine("first")
    with changing(index):
        put(index, "b.mp4", 1)
        index.maintenance.optimize()
    other._asked = 0.0
    assert other.refresh()
    assert nearest(other, 1) == "b.mp4"
    assert other.verify() == []
    there = {path for path in index.folder.rglob("*") if path.is_file() and "writer." not in path.name}
    assert len(stored_names(s3)) == len(there) + 1  # nothing is left over


def test_only_what_differs_is_copied(s3: S3Server, on_machine: OnMachine) -> None:
    index = created()
    with changing(index):
        put(index, "a.mp4", 0)
    on_machine("second")
    StoredIndex.open(PLACE)
    on_machine("first")
    with changing(index):
        put(index, "b.mp4", 1)
    sent = {path for method, path in s3.requests if method == "PUT" and "/files/" in path}
    on_machine("second")
    s3.requests.clear()
    other = StoredIndex.open(PLACE)
    read = [path for method, path in s3.requests if method == "GET" and "/files/" in path]
    assert 0 < len(read) < len(sent)
    assert set(read) < sent
    assert nearest(other, 1) == "b.mp4"
    s3.requests.clear()
    StoredIndex.open(PLACE)
    assert [method for method, _ in s3.requests] == ["HEAD"]


def test_a_run_that_is_interrupted_loses_nothing_and_shows_nothing(
    s3: S3Server, on_machine: OnMachine
) -> None:
    index = created()
    with pytest.raises(KeyboardInterrupt), changing(index):
        put(index, "a.mp4", 0)
        raise KeyboardInterrupt
    assert stored_names(s3) == []
    assert stored_index_exists(PLACE)
    again = StoredIndex.open(PLACE)
    with changing(again):
        put(again, "b.mp4", 1)
    on_machine("second")
    other = StoredIndex.open(PLACE)
    assert (nearest(other, 0), nearest(other, 1)) == ("a.mp4", "b.mp4")


def test_a_commit_appears_whole_or_not_at_all(
    s3: S3Server, on_machine: OnMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = created()
    with changing(index):
        put(index, "a.mp4", 0)
    sent = 0

    def killed(folder: StoreFolder, name: str, source: Path) -> None:
        nonlocal sent
        sent += 1
        if sent > 3:
            raise KeyboardInterrupt
        upload(folder, name, source)

    upload = StoreFolder.upload
    monkeypatch.setattr(StoreFolder, "upload", killed)
    with pytest.raises(KeyboardInterrupt), changing(index):
        put(index, "b.mp4", 1)
    monkeypatch.undo()
    s3.client.put_object(Bucket="media", Key="indexes/films/files/" + "0" * 32, Body=b"of another writer")
    monkeypatch.setenv("JEPA_CACHE", str(Path(index.folder).parents[2] / "second"))
    assert StoredIndex.open(PLACE).count_clips() == 1
    on_machine("first")
    again = StoredIndex.open(PLACE)
    assert again.count_clips() == 2
    with changing(again):
        pass
    on_machine("third")
    third = StoredIndex.open(PLACE)
    assert third.count_clips() == 2
    # What the killed process had sent is gone, and what is not of this machine stays.
    there = stored_names(s3)
    assert f"files/{'0' * 32}" in there
    assert len(there) == len([path for path in third.folder.rglob("*") if path.is_file()]) + 2


def test_a_run_that_is_killed_just_after_its_commit_leaves_nothing_over(
    s3: S3Server,
    on_machine: OnMachine,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    again = gone_on_after_a_kill(PLACE, monkeypatch)
    assert again.count_clips() == 3 and "replaced" not in caplog.text
    there = {path for path in again.folder.rglob("*") if path.is_file() and "writer." not in path.name}
    assert len(stored_names(s3)) == len(there) + 1


def test_a_second_writer_is_refused_and_a_dead_one_is_not_waited_for(
    s3: S3Server, on_machine: OnMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = created()
    with changing(index):
        put(index, "a.mp4", 0)
        on_machine("second")
        with pytest.raises(IndexLockedError, match=f"s3://media/indexes/films .* process {os.getpid()} on"):
            IndexMirror(PLACE).writing().__enter__()
        on_machine("first")
    monkeypatch.setattr(
        store_lock, "_myself", lambda: {"pid": 2**22 + 1, "host": os.uname().nodename, "started": ""}
    )
    store = StoreFolder(PLACE)
    # as by a process that is no more
    with store_lock.store_lock(store), IndexMirror(PLACE).writing():
        pass
    assert "store.lock" not in stored_names(s3)


def test_a_lock_that_another_process_took_over_is_left_to_it(s3: S3Server) -> None:
    store = StoreFolder(PLACE)
    with store_lock.store_lock(store):
        store.delete(["store.lock"])
        store.write_if("store.lock", b"theirs", tag="")
    assert store.read("store.lock") == b"theirs"


def test_a_commit_on_an_old_one_is_refused(s3: S3Server, on_machine: OnMachine) -> None:
    index = created()
    with changing(index):
        put(index, "a.mp4", 0)
    with pytest.raises(IndexWriteError, match="another process has written to s3://media"), changing(index):
        put(index, "mine.mp4", 1)
        StoreFolder(PLACE).delete(["store.lock"])
        on_machine("second")
        other = StoredIndex.open(PLACE)
        with changing(other):
            put(other, "theirs.mp4", 2)
        on_machine("first")
    on_machine("third")
    assert set(StoredIndex.open(PLACE).known_files()) == {"a.mp4", "theirs.mp4"}


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("s3://secret/x", "cannot (read|write to) s3://secret/x: permission denied"),
        ("s3://media/none", "no index at s3://media/none: it has no commit.json"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_sentence(
    s3: S3Server, on_machine: OnMachine, url: str, reason: str
) -> None:
    with pytest.raises(IndexStoreError, match=f"^{reason}$"):
        StoredIndex.open(path_of(url))
    if "secret" in url:
        with pytest.raises(IndexWriteError, match=f"^{reason}$"):
            IndexMirror(path_of(url)).writing().__enter__()


def test_an_index_that_was_deleted_is_gone(s3: S3Server, on_machine: OnMachine) -> None:
    index = created()
    with changing(index):
        put(index, "a.mp4", 0)
    s3.reset()
    with pytest.raises(IndexNotFoundError):
        StoredIndex.open(PLACE)
    assert not stored_index_exists(PLACE)


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"clips.lance/../../../x": ["files/" + "0" * 32, 4]}, "no file of an index"),
        ({"manifest.json": ["../../secret", 4]}, "does not say where"),
        ({"manifest.json": ["files/" + "0" * 32, 4]}, "a file of it is missing"),
        ("none", "files must be an object"),
    ],
)
def test_a_store_that_is_made_to_do_harm_is_refused(
    s3: S3Server, on_machine: OnMachine, tmp_path: Path, files: object, problem: str
) -> None:
    content = json.dumps({"format": "jepa-stored-index", "version": 1, "files": files})
    s3.client.put_object(Bucket="media", Key="indexes/films/commit.json", Body=content)
    with pytest.raises(IndexFormatError, match=problem):
        StoredIndex.open(PLACE)
    assert not list(tmp_path.rglob("x"))


def test_credentials_are_stored_nowhere(s3: S3Server, on_machine: OnMachine, tmp_path: Path) -> None:
    index = created()
    with changing(index):
        put(index, "a.mp4", 0)
    contents = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    for name in stored_names(s3):
        contents.append(s3.client.get_object(Bucket="media", Key=f"indexes/films/{name}")["Body"].read())
    assert contents
    assert not any(b"-of-the-test" in content for content in contents)


def test_a_web_server_holds_no_index() -> None:
    with pytest.raises(UsageError, match="cannot lie on a web server"):
        StoredIndex.open(path_of("https://example.org/x"))


@pytest.mark.parametrize("scheme", ["gs", "az", "hf"])
def test_an_index_is_read_from_other_stores_too_and_not_written_where_nothing_can_be_compared(
    s3: S3Server, on_machine: OnMachine, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    index = created()
    with changing(index):
        put(index, "a.mp4", 0)
    kind = stand_in(scheme, "etag")
    monkeypatch.setitem(_registry, scheme, kind)
    for name in stored_names(s3):
        content = s3.client.get_object(Bucket="media", Key=f"indexes/films/{name}")["Body"].read()
        kind().pipe_file(f"/bucket/films/{name}", content)
    there = StoredIndex.open(path_of(f"{scheme}://bucket/films"))
    assert nearest(there, 0) == "a.mp4"
    if scheme == "hf":
        with (
            pytest.raises(UsageError, match="an index can be written to s3://, gs:// and az:// only"),
            changing(there),
        ):
            pass
