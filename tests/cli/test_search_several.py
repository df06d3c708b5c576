"""`jepa search` over several indexes: one order, each hit with its index, what does not answer named."""

import json
import shutil
from pathlib import Path

import pytest

from indexes import FilterError
from jepa_retrieval import Libraries, Query, UsageError
from jepa_retrieval.library import Library
from tests.cli.conftest import Jepa
from tests.real_media import photograph


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second library, which has one photograph of the first one."""
    folder = tmp_path_factory.mktemp("other") / "other"
    folder.mkdir()
    for name in ("astronaut.png", "rocket.jpg", "camera.png", "chelsea.png", "horse.png"):
        shutil.copy(photograph(name), folder)
    Library.create(folder).index()
    return folder


def test_hits_of_both_come_in_one_order(jepa: Jepa, library: Path, other: Path) -> None:
    done = jepa(
        "search", "a woman in a space suit", "--index", library, "--index", other, "--json", "--top", 50
    )
    found = json.loads(done.out)
    alone = json.loads(jepa("search", "a woman in a space suit", "--index", other, "--json").out)

    assert done.status == 0
    assert found["indexes"] == ["library", "other"]
    assert found["unanswered"] == []
    assert {hit["index"] for hit in found["hits"]} == {"library", "other"}
    assert [hit["rank"] for hit in found["hits"]] == list(range(1, len(found["hits"]) + 1))
    confidences = [hit["confidence"] for hit in found["hits"]]
    assert confidences == sorted(confidences, reverse=True)
    (first,) = [hit for hit in found["hits"] if hit["index"] == "other" and hit["path"] == "astronaut.png"]
    (same,) = [hit for hit in alone["hits"] if hit["path"] == "astronaut.png"]
    assert (first["score"], first["confidence"]) == (same["score"], same["confidence"])
    assert "index" not in alone["hits"][0]


def test_an_index_that_does_not_answer_is_named_and_the_rest_shown(
    jepa: Jepa, library: Path, other: Path, tmp_path: Path
) -> None:
    damaged, unknown = tmp_path / "damaged", tmp_path / "unknown"
    for copy in (damaged, unknown):
        shutil.copytree(other, copy)
    (damaged / ".jepa" / "manifest.json").write_text("{")
    manifest = unknown / ".jepa" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"nano"', '"no-such-model"'))
    missing = tmp_path / "missing"

    given = [word for folder in (missing, damaged, library, unknown) for word in ("--index", folder)]
    done = jepa("search", "a cat", *given, "--json")

    assert done.status == 1
    found = json.loads(done.out)
    assert found["indexes"] == ["library"]
    assert "photos/chelsea.png" in [hit["path"] for hit in found["hits"]]
    assert len(found["unanswered"]) == 3
    for folder in (missing, damaged, unknown):
        assert f"{folder}" in done.err


def test_an_index_whose_tables_and_vectors_are_damaged_is_named_too(
    jepa: Jepa, library: Path, other: Path, tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(other, damaged)
    index = damaged / ".jepa"
    shutil.rmtree(index / "vectors")
    for file in (index / "clips.lance").rglob("*"):
        if file.is_file():
            file.write_bytes(b"damaged")

    for query in (["a cat"], ["--image", other / "chelsea.png"]):
        done = jepa("search", *query, "--index", damaged, "--index", library, "--json")
        assert done.status == 1
        found = json.loads(done.out)
        assert found["indexes"] == ["library"]
        assert "photos/chelsea.png" in [hit["path"] for hit in found["hits"]]
        assert f"{index} does not answer" in done.err


def test_a_missing_folder_does_not_take_the_name_of_the_library_around_it(jepa: Jepa, other: Path) -> None:
    done = jepa("search", "a cat", "--index", other / "typo", "--index", other, "--json")
    assert done.status == 1
    assert json.loads(done.out)["indexes"] == ["other"]


def test_a_filter_that_one_index_has_no_column_for_is_that_indexs_failure(
    jepa: Jepa, library: Path, other: Path
) -> None:
    both = ("--index", library, "--index", other)
    videos = jepa("search", "a street", *both, "--where", "kind = 'video'", "--json")
    assert videos.status == 0
    assert {hit["index"] for hit in json.loads(videos.out)["hits"]} == {"library"}

    none = jepa("search", "a street", *both, "--where", "nonsense > 1")
    assert none.status == 2
    assert "no column 'nonsense'" in none.err


def test_if_none_answers_nothing_could_be_done(jepa: Jepa, tmp_path: Path) -> None:
    done = jepa("search", "a cat", "--index", tmp_path / "one", "--index", tmp_path / "two")
    assert done.status == 2
    assert str(tmp_path / "one") in done.err
    assert str(tmp_path / "two") in done.err


def test_one_index_twice_is_refused(jepa: Jepa, library: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(library)
    for again in (library, library / ".jepa", link):
        done = jepa("search", "a cat", "--index", library, "--index", again)
        assert done.status == 2
        assert "is given twice" in done.err


@pytest.mark.parametrize("command", [["status"], ["remove", "a"], ["ask", "Is there a cat?"], ["verify"]])
def test_other_commands_take_one_index(jepa: Jepa, library: Path, other: Path, command: list[str]) -> None:
    done = jepa(*command, "--index", library, "--index", other)
    assert done.status == 2
    assert "--index can be given only once" in done.err


def test_more_like_a_hit_of_either(library: Path, other: Path) -> None:
    both = Libraries.open([library, other])
    (astronaut,) = [hit for hit in both.search("an astronaut").hits if hit.path == "astronaut.png"]
    alike = both.search(Query.moment(astronaut), top=3).hits
    both_copies = {("astronaut.png", "other"), ("photos/astronaut.png", "library")}
    assert {(hit.path, hit.index) for hit in alike[:2]} == both_copies
    assert [hit.score for hit in alike[:2]] == pytest.approx([1, 1], abs=1e-3)
    with pytest.raises(UsageError, match="in none of the indexes"):
        both.search(Query.moment("nowhere.mp4"))


def test_a_file_in_both_is_named_by_its_place_on_disk(jepa: Jepa, other: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(other, copy)
    both = ("--index", other, "--index", copy)
    done = jepa("search", "--image", "astronaut.png", *both)
    assert done.status == 2
    assert "in several of the indexes (other, copy)" in done.err
    assert str(other / "astronaut.png") in done.err
    done = jepa("search", "--image", other / "astronaut.png", *both, "--json")
    assert {hit["path"] for hit in json.loads(done.out)["hits"][:2]} == {"astronaut.png"}


def test_two_indexes_of_the_same_files_show_each_moment_once(library: Path, tmp_path: Path) -> None:
    again = Library.create(library, index=tmp_path / "again")
    again.index(library / "photos")
    found = Libraries.open([library, again.folder]).search("a cat", top=50).hits
    photographs = [hit.path for hit in found if hit.kind == "image"]
    assert len(photographs) == len(set(photographs))


def test_paths_pages_and_exports_are_of_the_right_folder(
    jepa: Jepa, library: Path, other: Path, tmp_path: Path
) -> None:
    page, table = tmp_path / "page.html", tmp_path / "moments.csv"
    done = jepa(
        *("search", "a cat", "--index", library, "--index", other, "--per-file"),
        *("--html", page, "--export", table),
    )
    assert done.status == 0
    assert (other / "chelsea.png").as_uri() in page.read_text()
    assert page.read_text().count("data:image/jpeg") > 1
    assert "horse.png" in table.read_text()
    only = ("--where", "path like '%chelsea.png'")
    paths = jepa("search", "a cat", "--index", library, "--index", other, *only, "-f").out.splitlines()
    assert set(paths) == {str(other / "chelsea.png"), str(library / "photos" / "chelsea.png")}


def test_what_is_wrong_with_a_filter_is_said_once(tmp_path: Path) -> None:
    both = {}
    for name, columns in (("plain", {}), ("captioned", {"captions": True})):
        folder = tmp_path / name
        folder.mkdir()
        both[name] = Library.create(folder)
        with both[name].records.writer() as writer:
            if columns:
                writer.keep_captions()
    with pytest.raises(FilterError) as caught:
        Libraries(both).search("a cat", where="colour = 'red'")
    assert str(caught.value).count("columns are") == 1
    assert "there is no column 'colour'" in str(caught.value) and ", caption " in str(caught.value)
