"""Cache entries appear whole or not at all, and are repaired when someone damaged them."""

import multiprocessing
from pathlib import Path

import pytest

from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.cache import cache_root, cached_entry, discard_entry


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JEPA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Builder:
    """Fills an entry and counts how often it was asked to."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, folder: Path) -> None:
        self.calls += 1
        (folder / "data.bin").write_bytes(b"12345")


def test_an_entry_is_built_once() -> None:
    build = Builder()
    first = cached_entry("graphs/a", build)
    assert cached_entry("graphs/a", build) == first
    assert build.calls == 1
    assert (first / "data.bin").read_bytes() == b"12345"
    assert first.is_relative_to(cache_root())


@pytest.mark.parametrize("damage", ["truncate", "delete", "no sizes"])
def test_a_damaged_entry_is_built_again(damage: str) -> None:
    build = Builder()
    entry = cached_entry("a", build)
    if damage == "truncate":
        (entry / "data.bin").write_bytes(b"12")
    elif damage == "delete":
        (entry / "data.bin").unlink()
    else:
        (entry / "sizes.json").write_text("{")
    assert (cached_entry("a", build) / "data.bin").read_bytes() == b"12345"
    assert build.calls == 2


def test_a_discarded_entry_is_built_again() -> None:
    build = Builder()
    discard_entry(cached_entry("a", build))
    cached_entry("a", build)
    assert build.calls == 2


def test_a_build_that_fails_leaves_nothing(cache: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise ModelError("no weights")

    with pytest.raises(ModelError, match="no weights"):
        cached_entry("a", fail)
    assert [path.name for path in cache.iterdir()] == ["a.lock"]


def test_a_cache_that_cannot_be_written_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("JEPA_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(ModelError, match="JEPA_CACHE"):
        cached_entry("a", Builder())


def _build_slowly(log: str) -> None:
    import time

    def build(folder: Path) -> None:
        with Path(log).open("a") as file:
            file.write("built\n")
        time.sleep(0.3)
        (folder / "data.bin").touch()

    assert (cached_entry("shared", build) / "data.bin").exists()


def test_two_processes_build_it_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_build_slowly, args=(str(log),)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert log.read_text() == "built\n"
