"""What an index needs of a store, of each store by a server of its protocol: to write only over the known object."""

import logging
import os
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from indexes import IndexWriteError
from jepa_retrieval.media.sources.remote import file_system
from jepa_retrieval.media.sources.store_requests import patiently
from jepa_retrieval.source_paths import path_of
from jepa_retrieval.stores import store_lock
from jepa_retrieval.stores.commit import FILE_NAME as COMMIT
from jepa_retrieval.stores.objects import StoreFolder
from jepa_retrieval.stores.stored_index import StoredIndex, changing
from tests.jepa_retrieval.stores.conftest import OnMachine
from tests.jepa_retrieval.stores.test_stored_index import created, gone_on_after_a_kill, nearest, put
from tests.store_servers import AZURE_KEY, azure_server, google_server
from tests.waiting import wait_for

pytestmark = pytest.mark.long


in_every_store = pytest.mark.parametrize("scheme", ["s3", "gs", "az"], indirect=True, scope="module")
beside_s3 = pytest.mark.parametrize("scheme", ["gs", "az"], indirect=True, scope="module")


@pytest.fixture(scope="module")
def scheme(request: pytest.FixtureRequest) -> Iterator[str]:
    """That of a store whose server is running."""
    if request.param == "s3":
        request.getfixturevalue("running_s3_server")
        yield "s3"
        return
    server = {"gs": google_server, "az": azure_server}[request.param]
    with server():
        yield request.param


@pytest.fixture
def place(scheme: str) -> Path:
    """An empty folder of a store."""
    return path_of(f"{scheme}://media/{uuid.uuid4().hex}/films")


def stored_names(place: Path) -> set[str]:
    system, name = file_system(place)
    return {found.removeprefix(f"{name}/") for found in system.find(name)}


@in_every_store
def test_only_the_known_object_is_replaced(place: Path) -> None:
    folder = StoreFolder(place)
    first = folder.write_if("x.json", b"one", tag="")
    assert (found := folder.find("x.json")) and found.tag == first and found.mtime_ns > 0
    with pytest.raises(FileExistsError):
        folder.write_if("x.json", b"two", tag="")
    second = folder.write_if("x.json", b"two", tag=first)
    assert (found := folder.find("x.json")) and found.tag == second != first
    with pytest.raises(FileExistsError):
        folder.write_if("x.json", b"three", tag=first)
    assert folder.read("x.json") == b"two"
    folder.delete(["x.json", "none.json"])
    with pytest.raises((FileExistsError, FileNotFoundError)):
        folder.write_if("x.json", b"four", tag=second)
    assert folder.find("x.json") is None


@in_every_store
def test_what_got_through_though_its_answer_was_lost_is_no_conflict(place: Path) -> None:
    folder = StoreFolder(place)
    first = folder.write_if("x.json", b"one", tag="")
    assert folder.write_if("x.json", b"one", tag="") == first
    second = folder.write_if("x.json", b"two", tag=first)
    assert folder.write_if("x.json", b"two", tag=first) == second


@in_every_store
@pytest.mark.parametrize("is_new", [True, False])
def test_of_several_writers_at_once_one_gets_through(place: Path, is_new: bool) -> None:
    folder = StoreFolder(place)
    tag = "" if is_new else folder.write_if("x.json", b"before", tag="")

    def write(content: bytes) -> bytes | None:
        try:
            folder.write_if("x.json", content, tag=tag)
        except FileExistsError:
            return None
        return content

    with ThreadPoolExecutor(4) as threads:
        written = [*threads.map(write, [b"%d" % number for number in range(8)])]
    assert [content for content in written if content is not None] == [folder.read("x.json")]


@in_every_store
def test_a_lock_is_renewed_again_and_again(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = StoreFolder(place)
    renewed: list[str] = []
    write_if = StoreFolder.write_if

    def noted(folder: StoreFolder, name: str, data: bytes, *, tag: str) -> str:
        renewed.append(write_if(folder, name, data, tag=tag))
        return renewed[-1]

    monkeypatch.setattr(store_lock, "RENEWED_SECONDS", 0.01)
    monkeypatch.setattr(StoreFolder, "write_if", noted)
    with store_lock.store_lock(folder):
        wait_for(lambda: len(renewed) > 3)
    assert folder.find(store_lock.LOCK_NAME) is None


@beside_s3
def test_an_index_is_written_read_and_never_overwritten_by_an_old_one(
    place: Path, on_machine: OnMachine, caplog: pytest.LogCaptureFixture
) -> None:
    index = created(place)
    with changing(index):
        put(index, "a.mp4", 0)
    on_machine("second")
    other = StoredIndex.open(place)
    assert nearest(other, 0) == "a.mp4"
    on_machine("first")
    with pytest.raises(IndexWriteError, match="another process has written to"), changing(index):
        put(index, "mine.mp4", 1)
        StoreFolder(place).delete([store_lock.LOCK_NAME])
        on_machine("second")
        with changing(other):
            put(other, "theirs.mp4", 2)
        on_machine("first")
    on_machine("second")
    with changing(other):  # deletes what it had written before
        put(other, "b.mp4", 1)
    on_machine("third")
    third = StoredIndex.open(place)
    assert set(third.known_files()) == {"a.mp4", "theirs.mp4", "b.mp4"}
    assert third.verify() == []
    assert {COMMIT} < stored_names(place)
    assert store_lock.LOCK_NAME not in stored_names(place)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@beside_s3
def test_a_kill_between_the_commit_and_its_answer_loses_and_leaves_nothing(
    place: Path, on_machine: OnMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = gone_on_after_a_kill(place, monkeypatch)
    assert again.count_clips() == 3
    there = {path for path in again.folder.rglob("*") if path.is_file() and "writer." not in path.name}
    assert len(stored_names(place)) == len(there) + 1


@pytest.mark.parametrize("scheme", ["az"], indirect=True, scope="module")  # the other servers take every key
def test_a_wrong_key_is_told_without_it(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = "d3Jvbmcta2V5"
    account = os.environ["AZURE_STORAGE_CONNECTION_STRING"].replace(AZURE_KEY, wrong)
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", account)
    with pytest.raises(PermissionError, match=r"permission denied$") as caught:
        StoreFolder(place).find(COMMIT)
    assert wrong not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, PermissionError), (403, PermissionError), (404, FileNotFoundError), (412, FileExistsError)],
)
def test_answers_of_google_are_told_apart(status: int, kind: type[OSError]) -> None:
    answered: Callable[..., None] = pytest.importorskip("gcsfs.retry").validate_response
    answer = b'{"error": {"code": %d, "message": "no"}}' % status
    with pytest.raises(kind) as caught:
        patiently(lambda: answered(status, answer, "https://secret/o"))
    assert "secret" not in str(caught.value)
