"""A file has one stored path, and a stored path leads to its file."""

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jepa_retrieval.errors import UsageError
from jepa_retrieval.tasks.encoding.media_root import MediaRoot, same_name, stored_spelling

NAME = st.binary(min_size=1, max_size=12).filter(
    lambda name: not {0, 47} & set(name) and name not in (b".", b"..") and not name.startswith(b"~")
)
ROOT = Path("/media of a test that does not exist")


@given(st.lists(NAME, min_size=1, max_size=4))
def test_a_stored_path_leads_back_to_its_file(names: list[bytes]) -> None:
    root, path = MediaRoot(ROOT), ROOT.joinpath(*map(os.fsdecode, names))
    text = root.to_text(path)
    assert root.to_path(text) == path
    assert root.text_of_file(path) == root.canonical(text) == text
    assert root.full(text).startswith(root.prefix(ROOT))


@given(st.lists(NAME, min_size=1, max_size=3), st.lists(NAME, min_size=1, max_size=3))
def test_different_files_have_different_paths(one: list[bytes], other: list[bytes]) -> None:
    root = MediaRoot(ROOT)
    texts = [root.to_text(ROOT.joinpath(*map(os.fsdecode, names))) for names in (one, other)]
    assert (texts[0] == texts[1]) == (one == other)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "media" / "sub").mkdir(parents=True)
    (tmp_path / "media" / "sub" / "a.jpg").touch()
    (tmp_path / "link").symlink_to(tmp_path / "media")
    (tmp_path / "media" / "inner").symlink_to(tmp_path / "media" / "sub")
    (tmp_path / "media" / "b.jpg").symlink_to(tmp_path / "media" / "sub" / "a.jpg")
    return tmp_path


@pytest.mark.parametrize("root", ["media", "link"])
@pytest.mark.parametrize("way", ["media/sub", "link/sub", "media/inner", "link/inner"])
def test_every_way_to_a_file_gives_one_path(place: Path, root: str, way: str) -> None:
    media = MediaRoot(place / root)
    assert media.to_text(place / way / "a.jpg") == "sub/a.jpg"
    assert media.to_text(place / way) == "sub"
    assert media.canonical("inner/a.jpg") == "sub/a.jpg"
    assert media.to_text(place / root) == "."
    assert media.prefix(place / way) == f"{os.path.realpath(place)}/media/sub/"


def test_a_link_to_a_file_is_a_file_of_its_own(place: Path) -> None:
    assert MediaRoot(place / "media").to_text(place / "media" / "b.jpg") == "b.jpg"


def test_files_outside_have_absolute_paths(place: Path) -> None:
    media = MediaRoot(place / "media" / "sub")
    outside = media.to_text(place / "link" / "b.jpg")
    assert outside == f"{os.path.realpath(place)}/media/b.jpg"
    assert media.full(outside) == outside
    assert media.to_path(outside).exists()


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1, max_size=8))
def test_both_spellings_of_a_name_are_the_same(name: str) -> None:
    one, other = (unicodedata.normalize(form, name) for form in ("NFC", "NFD"))
    assert same_name(one) == same_name(other)
    assert stored_spelling(one, ["x.jpg", other]) in (one, other)


def test_the_name_as_it_is_written_comes_first() -> None:
    nfc, nfd = unicodedata.normalize("NFC", "é.jpg"), unicodedata.normalize("NFD", "é.jpg")
    assert stored_spelling(nfd, [nfc, nfd]) == nfd
    assert stored_spelling(nfd, [nfc]) == nfc
    assert stored_spelling("z.jpg", [nfc, nfd]) == "z.jpg"


def test_an_empty_path_is_an_error() -> None:
    with pytest.raises(UsageError, match="empty"):
        MediaRoot(ROOT).to_text("")
