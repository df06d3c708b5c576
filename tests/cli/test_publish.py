"""`jepa publish`, and searches of what it published."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from jepa_retrieval import Library
from tests.cli.conftest import Jepa

pytest.importorskip("milvus_lite", reason="Milvus Lite is not installed: pip install milvus-lite")


@pytest.fixture(scope="module")
def address(library: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The library, published. Read only."""
    address = f"milvus+file:{tmp_path_factory.mktemp('published') / 'clips.db'}"
    Library.open(library).publish(address)
    return address


@pytest.mark.parametrize(
    "options",
    [
        ["a cat"],
        ["a street", "--where", "kind = 'video'", "--top", "3"],
        ["a street", "--per-file"],
        ["dog", "--plus", "2:beach", "--minus", "people"],
        ["--video", "videos/bikes.mp4@2-4"],
        ["--image", "photos/coffee.png"],
    ],
)
def test_searches_find_what_the_folder_has(
    jepa: Jepa, library: Path, address: str, options: list[str]
) -> None:
    here = json.loads(jepa("search", *options, "--index", library, "--json").out)["hits"]
    done = jepa("search", *options, "--index", address, "--json")
    assert done.status == 0
    there = json.loads(done.out)["hits"]
    assert len(here) == len(there) > 0
    for one, other in zip(here, there, strict=True):
        assert other["score"] == pytest.approx(one["score"], abs=1e-4)
        assert other["confidence"] == pytest.approx(one["confidence"], abs=1e-3)
    keys = ("path", "start", "end", "clip_id")
    assert {tuple(hit[key] for key in keys) for hit in here} == {
        tuple(hit[key] for key in keys) for hit in there
    }


def test_publishing_again_does_nothing(jepa: Jepa, library: Path, address: str) -> None:
    done = jepa("publish", "--to", address, "--index", library, "--json")
    assert done.status == 0
    report = json.loads(done.out)
    assert report["clips"] == report["unchanged"] > 0
    assert (report["added"], report["changed"], report["removed"]) == (0, 0, 0)
    assert "0 added" in jepa("publish", "--to", address, "--index", library).out


def test_it_is_one_of_several(jepa: Jepa, library: Path, address: str) -> None:
    done = jepa("search", "a cat", "--index", library, "--index", address, "--json")
    assert done.status == 0
    assert json.loads(done.out)["indexes"] == ["library", address]
    done = jepa("search", "a cat", "--index", library, "--index", "milvus+http://127.0.0.1:9", "--json")
    assert done.status == 1
    assert json.loads(done.out)["hits"]
    assert "127.0.0.1:9" in done.err


def test_questions_are_answered_from_the_folder(library: Path, address: str) -> None:
    here = Library.open(library).ask("Is there a cat?", answer="yes").items[0]
    there = Library.open(address).ask("Is there a cat?", answer="yes").items[0]
    assert (here.path, here.start) == (there.path, there.start)


def test_without_the_extra_it_says_what_to_install(
    jepa: Jepa, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec

    def find(name: str, package: str | None = None) -> object:
        return None if name == "pymilvus" else found(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find)
    for command in (
        ["publish", "--to", "milvus+http://host", "--index", library],
        ["search", "a cat", "--index", "milvus+http://host"],
    ):
        done = jepa(*command)
        assert done.status == 2
        assert "pip install 'jepa-retrieval[milvus]'" in done.err
        assert len(done.err.splitlines()) == 1


def test_bad_addresses_and_missing_files_are_one_sentence(jepa: Jepa, library: Path, tmp_path: Path) -> None:
    done = jepa("publish", "--to", "s3://bucket", "--index", library)
    assert (done.status, "no address of a published index" in done.err) == (2, True)
    missing = f"milvus+file:{tmp_path / 'none.db'}"
    done = jepa("search", "a cat", "--index", missing)
    assert (done.status, "there is no published index" in done.err) == (2, True)
    assert not (tmp_path / "none.db").exists()


def test_a_search_of_a_folder_does_not_import_the_client(library: Path) -> None:
    program = (
        "import sys; from cli.main import main\n"
        f"assert main(['search', 'a cat', '--index', {str(library)!r}]) == 0\n"
        "assert not {'pymilvus', 'milvus_lite', 'grpc'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
