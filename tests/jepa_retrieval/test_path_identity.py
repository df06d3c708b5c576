"""One file has one path in an index, however it is reached, and wherever its folder went."""

import shutil
import unicodedata
from pathlib import Path

import pytest

from indexes.records import MediaRecord
from jepa_retrieval.errors import UsageError
from jepa_retrieval.library import ImageQuery, Library
from jepa_retrieval.user_paths import absolute
from tests.media_factory import BLUE, GREEN, RED, make_picture


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Media and, beside them, an index of them."""
    folder = tmp_path_factory.mktemp("identity")
    (folder / "media" / "trip").mkdir(parents=True)
    make_picture(folder / "media" / "red.png", colour=RED)
    make_picture(folder / "media" / "trip" / "green.png", colour=GREEN)
    make_picture(folder / "media" / "trip" / "blue.png", colour=BLUE)
    report = Library.create(folder / "media", index=folder / "index").index()
    assert (report.indexed, report.failed) == (3, [])
    return folder


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    """A copy of the two, with the index's own notion of where its media lie."""
    copy = tmp_path / "place"
    shutil.copytree(made, copy)
    library = Library.open(copy / "index")
    with library.records.writer() as writer:
        writer.move_media_root(str(copy / "media"))
    return copy


PATHS = ["red.png", "trip/blue.png", "trip/green.png"]


def known(library: Library) -> list[str]:
    return sorted(library.records.known_files())


def test_media_that_were_moved_as_a_whole_are_the_same_media(place: Path) -> None:
    (place / "media").rename(place / "elsewhere")
    library = Library.open(place / "index")
    report = library.index([place / "elsewhere"])
    assert (report.unchanged, report.indexed, report.moved, report.removed, report.absent) == (3, 0, 0, 0, [])
    assert known(library) == PATHS
    assert library.media_root.folder == place / "elsewhere"
    assert library.resolve("red.png").is_file()
    assert Library.open(place / "index").media_root.folder == place / "elsewhere"


def test_a_disk_that_is_mounted_elsewhere_leaves_an_empty_folder(place: Path) -> None:
    (place / "media").rename(place / "mounted")
    (place / "media").mkdir()
    library = Library.open(place / "index")
    assert library.index([place / "mounted"]).unchanged == 3
    assert library.media_root.folder == place / "mounted"


def test_a_copy_of_the_media_is_no_move(place: Path) -> None:
    shutil.copytree(place / "media", place / "copy")
    library = Library.open(place / "index")
    report = library.index([place / "copy"])
    assert (report.indexed, report.moved, library.media_root.folder) == (3, 0, place / "media")


def test_media_that_were_moved_into_another_tree_are_recognised_by_content(place: Path) -> None:
    (place / "new" / "deep").mkdir(parents=True)
    (place / "media").rename(place / "new" / "deep" / "media")
    library = Library.open(place / "index")
    report = library.index([place / "new"])
    assert (report.moved, report.indexed, report.removed, report.absent) == (3, 0, 0, [])
    assert known(library) == sorted(str(place / "new" / "deep" / "media" / path) for path in PATHS)
    assert library.index([place / "new"]).unchanged == 3
    assert library.verify() == []


def test_a_link_to_the_media_leads_to_the_same_files(place: Path) -> None:
    (place / "link").symlink_to(place / "media")
    library = Library.open(place / "index")
    report = library.index([place / "link", place / "link" / "trip", place / "link" / "red.png"])
    assert (report.unchanged, report.indexed, report.moved, report.removed) == (3, 0, 0, 0)
    assert known(library) == PATHS
    assert library.remove([place / "link" / "trip"]) == 2


def test_the_parent_of_the_media_leads_to_the_same_files(place: Path) -> None:
    library = Library.open(place / "index")
    assert library.index([place]).unchanged == 3
    (place / "media" / "trip" / "blue.png").unlink()
    report = library.index([place])
    assert (report.unchanged, report.removed, report.absent) == (2, 1, [])
    assert known(library) == ["red.png", "trip/green.png"]
    assert library.remove([place]) == 2


def test_a_link_inside_the_media_adds_no_second_copy(place: Path) -> None:
    (place / "media" / "again").symlink_to(place / "media" / "trip")
    library = Library.open(place / "index")
    assert library.index(follow_links=True).unchanged == 3
    assert known(library) == PATHS


def test_records_under_two_paths_become_one(place: Path) -> None:
    (place / "link").symlink_to(place / "media")
    library = Library.open(place / "index")
    twice = str(place / "link" / "red.png")
    with library.records.writer() as writer:
        writer.put(MediaRecord(twice, 1, 1, kind="image", content_hash="x"), [])
    library.records.refresh()
    assert [problem.what for problem in library.verify()] == ["duplicate records"]
    assert library.index().removed == 1
    assert (known(library), library.verify()) == (PATHS, [])


def test_what_verify_advises_for_files_that_are_gone_helps(place: Path) -> None:
    library = Library.open(place / "index")
    shutil.rmtree(place / "media")
    (problem,) = library.verify()
    assert (problem.what, "--prune" in problem.remedy) == ("orphaned records", True)
    assert library.index([place / "media"], prune=True).removed == 3
    assert library.verify() == []


def test_a_missing_disk_keeps_its_files_searchable_and_marked(place: Path) -> None:
    library = Library.open(place / "index")
    query = ImageQuery(make_picture(place / "query.png", colour=RED))
    (place / "media").rename(place / "unplugged")
    for _ in range(2):
        report = library.index([place / "media"])
        assert [(Path(gone.path).name, gone.files) for gone in report.absent] == [("media", 3)]
        assert (report.removed, report.failed) == (0, [])
    hits = library.search(query).hits
    assert (hits[0].path, [hit.offline for hit in hits]) == ("red.png", [True] * 3)
    assert "offline" in library.search(query)._repr_html_()
    with pytest.raises(UsageError, match="3 files of the index are not there"):
        library.index([place / "media"], rebuild=True)
    (place / "unplugged").rename(place / "media")
    assert library.index([place / "media"]).unchanged == 3
    assert [hit.offline for hit in library.search(query).hits] == [False] * 3


def test_a_path_of_which_the_index_knows_nothing_is_still_an_error(place: Path) -> None:
    with pytest.raises(UsageError, match="nowhere: no such file or folder"):
        Library.open(place / "index").index([place / "nowhere"])


def test_both_spellings_of_a_name_mean_the_file(place: Path) -> None:
    name = unicodedata.normalize("NFD", "café été.png")
    make_picture(place / "media" / name, colour=RED)
    library = Library.open(place / "index")
    library.index()
    typed = place / "media" / unicodedata.normalize("NFC", name)
    assert not typed.exists()
    assert library.search(ImageQuery(typed), top=1).hits  # as it was indexed: there is no such file to decode
    assert library.remove([typed]) == 1
    assert known(library) == PATHS


def test_a_tilde_is_the_home_folder_wherever_a_path_is_read(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(place))
    library = Library.open("~/index")
    assert library.folder == place / "index"
    assert library.index(["~/media"]).unchanged == 3
    assert library.search(ImageQuery("~/media/red.png"), top=1).hits[0].path == "red.png"
    assert library.remove(["~/media/trip"]) == 2
    created = Library.create("~/media", index="~/second")
    assert created.folder == place / "second"
    assert absolute("~no_such_user_here/x").name == "x"


def test_an_empty_path_is_an_error(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place / "media")
    library = Library.open(place / "index")
    for call in (library.remove, library.index):
        with pytest.raises(UsageError, match="the path is empty"):
            call([""])
    assert known(library) == PATHS
