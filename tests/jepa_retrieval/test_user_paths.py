"""Paths as users write them: an empty one is an error, `~` is the home folder, long texts are no files."""

from pathlib import Path

import pytest

from jepa_retrieval import ImageQuery, Library, Query, VideoQuery, find_index, open_media
from jepa_retrieval.errors import UsageError
from jepa_retrieval.user_paths import exists, is_existing_file, user_path


@pytest.mark.parametrize("path", ["", "a\0b"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(UsageError, match=r"empty|null character"):
        user_path(path)


def test_the_home_folder_is_expanded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_path("~/Videos") == user_path(Path("~/Videos")) == tmp_path / "Videos"
    assert user_path("~no-such-user/a") == Path("~no-such-user/a")
    assert user_path("a~/~b") == Path("a~/~b")


def test_a_long_text_is_no_file() -> None:
    assert not is_existing_file("a sentence " * 500)
    assert not exists("a sentence " * 500)
    assert not exists("a\0b")


@pytest.mark.parametrize(
    "call",
    [
        lambda library: Library.open(""),
        lambda library: Library.create(""),
        lambda library: Library.create(".", index=""),
        lambda library: library.index([""]),
        lambda library: library.remove([""]),
        lambda library: library.search(ImageQuery("")),
        lambda library: library.search(VideoQuery("", 1, 2)),
        lambda library: Query.image(""),
        lambda library: Query.clip(""),
        lambda library: find_index(""),
        lambda library: open_media(["", "a.mp4"]).__enter__(),
        lambda library: open_media([VideoQuery("")]).__enter__(),
    ],
)
def test_an_empty_path_never_means_the_working_directory(tmp_path: Path, call: object) -> None:
    library = Library.create(tmp_path)
    with pytest.raises(UsageError, match="the path is empty"):
        call(library)  # type: ignore[operator]
