"""Commands on an index in an object store."""

import json
import shutil
from pathlib import Path

import pytest

from jepa_retrieval.serving.served import ServedIndexes
from jepa_retrieval.source_paths import path_of
from jepa_retrieval.stores import mirror
from tests.cli.conftest import Jepa
from tests.real_media import photograph
from tests.s3_server import S3Server

URL = "s3://media/indexes/photos"


@pytest.fixture(autouse=True)
def own_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies of stored indexes go to the test's folder, though models come from the user's cache."""
    monkeypatch.setattr(mirror, "cache_root", lambda: tmp_path / "cache")


def test_an_index_in_a_store_is_made_searched_and_changed(jepa: Jepa, s3: S3Server, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("chelsea.png", "coffee.png"):
        shutil.copy(photograph(name), photos / name)
    made = jepa("index", str(photos), "--index", URL, "--json")
    assert made.status == 0
    assert json.loads(made.out)["indexed"] == 2
    assert "Created a new index in s3://media/indexes/photos" in made.err
    found = jepa("search", "a cat", "--index", URL, "--json")
    assert json.loads(found.out)["hits"][0]["path"].endswith("chelsea.png")
    assert json.loads(jepa("index", str(photos), "--index", URL, "--json").out)["unchanged"] == 2
    assert jepa("remove", str(photos / "chelsea.png"), "--index", URL).status == 0
    hits = json.loads(jepa("search", "a cat", "--index", URL, "--json").out)["hits"]
    assert [Path(hit["path"]).name for hit in hits] == ["coffee.png"]
    assert f"index    {URL}\n" in jepa("status", "--index", URL).out
    assert jepa("verify", "--index", URL).status == 0
    s3.client.upload_file(str(photograph("coffee.png")), "media", "cup.png")
    like = jepa("search", "--image", "s3://media/cup.png", "--index", URL, "--json")
    assert json.loads(like.out)["hits"][0]["score"] > 0.99
    missing = jepa("search", "--image", "s3://media/none.png", "--index", URL)
    assert missing.status == 2
    assert missing.err.endswith("Error: s3://media/none.png: no such file or folder\n")
    (served,) = ServedIndexes([path_of(URL)]).served
    assert served.commit.clips == 1
    shutil.copy(photograph("chelsea.png"), photos)
    assert jepa("index", str(photos), "--index", URL).status == 0
    assert served.refresh(at_once=True)
    assert served.commit.clips == 2


def test_no_index_stays_in_a_store_where_nothing_was_found(jepa: Jepa, s3: S3Server, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    done = jepa("index", tmp_path / "photos", "--index", URL)
    assert done.status == 2 and "so no index was created" in done.err
    assert s3.client.list_objects_v2(Bucket="media", Prefix="indexes/")["KeyCount"] == 0
    assert jepa("status", "--index", URL).err == f"Error: no index at {URL}: it has no commit.json\n"


def test_a_store_without_permission_is_told_in_one_sentence(jepa: Jepa, s3: S3Server, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    shutil.copy(photograph("coffee.png"), photos)
    for arguments in (("search", "a cat"), ("index", str(photos))):
        result = jepa(*arguments, "--index", "s3://secret/x")
        assert result.status != 0
        assert result.err.strip().endswith("cannot read s3://secret/x: permission denied")
        assert "-of-the-test" not in result.err
