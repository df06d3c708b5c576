"""Publishing: everything once, only what differs again, and on from where it was killed."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from indexes import Index, IndexNotFoundError, IndexStoreError
from indexes.milvus.address import MilvusAddress
from tests.indexes.milvus.conftest import FILES, SIZE, fill, make_index

pytest.importorskip("milvus_lite", reason="Milvus Lite is not installed: pip install milvus-lite")
from indexes.milvus.index import MilvusIndex
from indexes.milvus.publish import publish

PROGRAM = """
import sys
from indexes import Index
from indexes.milvus import publish as module
from indexes.milvus.address import MilvusAddress
module.BATCH = 10
print("ready", flush=True)
address = MilvusAddress.parse(sys.argv[2])
module.publish(Index.open(sys.argv[1]), address, on_progress=lambda done, _: print(done, flush=True))
"""


def content(index: Index) -> dict[int, tuple[str, float | None, bytes]]:
    """Path, start and vector of each clip."""
    hits = index.search(np.eye(1, SIZE, dtype=np.float32), k=10_000)[0]
    vectors = index.embeddings([hit.clip_id for hit in hits])
    return {
        hit.clip_id: (hit.path, hit.start, vector.astype(np.float16).tobytes())
        for hit, vector in zip(hits, vectors, strict=True)
    }


def test_a_published_index_reads_as_the_index(source: Index, published: Index) -> None:
    queries = np.random.default_rng(1).standard_normal((5, SIZE)).astype(np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    for here, there in zip(source.search(queries, k=20), published.search(queries, k=20), strict=True):
        assert [hit.clip_id for hit in here] == [hit.clip_id for hit in there]
        assert [hit.score for hit in there] == pytest.approx([hit.score for hit in here], abs=1e-5)
    assert content(source) == content(published)
    assert published.count_clips() == source.count_clips()
    assert published.clips_of("2024/file 01.mp4") == source.clips_of("2024/file 01.mp4")
    ids = [hit.clip_id for hit in source.all_clips()]
    here_windows, there_windows = source.windows(ids), published.windows(ids)
    assert here_windows.keys() == there_windows.keys()
    for clip_id, stream in here_windows.items():
        assert np.array_equal(stream.times, there_windows[clip_id].times)
        assert np.array_equal(stream.embeddings, there_windows[clip_id].embeddings)


def test_only_what_differs_is_sent_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    index = make_index(tmp_path / "index")
    address = MilvusAddress.parse(f"milvus+file:{tmp_path / 'clips.db'}")
    first = publish(index, address)
    assert (first.added, first.unchanged) == (index.count_clips(), 0)
    again = publish(index, address)
    assert (again.added, again.changed, again.removed) == (0, 0, 0)

    with index.writer() as writer:
        writer.remove(["2024/file 01.mp4"])
        writer.move("Été/file 02.mp4", "elsewhere/file 02.mp4", mtime_ns=1)
    fill(index, range(FILES, FILES + 5))
    report = publish(index, address)
    assert (report.removed, report.changed) == (2, 3)
    assert report.added > 0
    assert report.unchanged > 50
    published = MilvusIndex.open(str(address))
    assert content(published) == content(index)
    # The server of Milvus Lite, which runs in this process, logs tracebacks of requests that it does not know.
    assert [record.name for record in caplog.records if record.name.startswith("grpc")] == []


def test_a_large_index_is_searched_approximately(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = make_index(tmp_path / "index")
    address = MilvusAddress.parse(f"milvus+file:{tmp_path / 'clips.db'}")
    publish(index, address)
    monkeypatch.setattr("indexes.milvus.publish.MAX_FLAT_CLIPS", 50)
    assert publish(index, address).unchanged == index.count_clips()
    published = MilvusIndex.open(str(address))
    queries = index.embeddings([hit.clip_id for hit in index.all_clips()])
    same = [
        {hit.clip_id for hit in here} == {hit.clip_id for hit in there}
        for here, there in zip(index.search(queries, k=5), published.search(queries, k=5), strict=True)
    ]
    assert np.mean(same) > 0.95


def test_a_rebuilt_index_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    address = MilvusAddress.parse(f"milvus+file:{tmp_path / 'clips.db'}")
    publish(make_index(tmp_path / "old"), address)
    new = make_index(tmp_path / "new")
    report = publish(new, address)
    assert report.added == new.count_clips()
    published = MilvusIndex.open(str(address))
    assert published.manifest.index_id == new.manifest.index_id


@pytest.mark.parametrize("after", [1, 4, 9])
def test_a_killed_publish_goes_on(tmp_path: Path, after: int) -> None:
    index = make_index(tmp_path / "index")
    address = f"milvus+file:{tmp_path / 'clips.db'}"
    command = [sys.executable, "-c", PROGRAM, str(index.folder), address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(after + 1):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    time.sleep(0.1)
    with pytest.raises(IndexNotFoundError, match="is not published whole"):
        MilvusIndex.open(address)

    report = publish(index, MilvusAddress.parse(address))

    assert report.clips == index.count_clips()
    assert content(MilvusIndex.open(address)) == content(index)


def test_what_milvus_does_not_hold_comes_from_the_folder_or_is_named(tmp_path: Path) -> None:
    index = make_index(tmp_path / "index")
    address = MilvusAddress.parse(f"milvus+file:{tmp_path / 'clips.db'}")
    publish(index, address)
    published = MilvusIndex.open(str(address))
    assert published.clips([0], columns=["path"]) == index.clips([0], columns=["path"])

    index.folder.rename(tmp_path / "away")
    alone = MilvusIndex.open(str(address))
    assert content(alone).keys() == content(Index.open(tmp_path / "away")).keys()
    with pytest.raises(IndexStoreError, match="the rest is in the index folder"):
        alone.clips([0], columns=["tokens"])
    with pytest.raises(IndexStoreError, match="is published"):
        alone.writer()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("milvus+http://", "no address"),
        ("milvus+http://user:secret@host", "MILVUS_TOKEN"),
        ("milvus+http://host?token=secret", "MILVUS_TOKEN"),
        ("milvus+file:clips.sqlite", "must end in .db"),
        ("milvus+http://host:x", "no address"),
        ("milvus+http://host#a b", "letters, digits"),
        ("milvus+http://host/a-b", "letters, digits"),
    ],
)
def test_bad_addresses_are_one_sentence(text: str, said: str) -> None:
    with pytest.raises(IndexStoreError, match=said) as caught:
        MilvusAddress.parse(text)
    assert "secret" not in str(caught.value)


def test_addresses_are_read() -> None:
    assert MilvusAddress.parse("milvus+https://host/db#mine") == MilvusAddress(
        "https://host:19530", "db", "mine"
    )
    assert MilvusAddress.parse("milvus://host:80") == MilvusAddress("http://host:80", "", "library")
    assert MilvusAddress.parse("milvus:///a/b.db") == MilvusAddress("/a/b.db", "", "library")


def test_a_server_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(IndexStoreError, match="does not answer"):
        MilvusIndex.open("milvus+http://127.0.0.1:9")
