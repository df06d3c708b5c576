"""Addresses as paths, and back."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jepa_retrieval.errors import UsageError
from jepa_retrieval.source_paths import SCHEMES, is_ordinary, is_remote, is_url, path_of, shard_of, url_of
from jepa_retrieval.tasks.encoding.media_root import MediaRoot
from jepa_retrieval.user_paths import absolute

names = st.text("abcXYZ019-_ .é", min_size=1, max_size=10).filter(lambda name: name.strip(".") == name)


@given(scheme=st.sampled_from(SCHEMES), parts=st.lists(names, min_size=1, max_size=5))
def test_an_address_comes_back_as_it_was(scheme: str, parts: list[str]) -> None:
    url = f"{scheme}://{'/'.join(parts)}"
    path = path_of(url)
    assert is_url(url)
    assert is_remote(path)
    assert url_of(path) == url
    assert absolute(url) == absolute(path) == path
    assert MediaRoot(Path("/media")).to_text(path) == url
    assert MediaRoot(Path("/media")).to_path(url) == path


def test_stored_paths_are_relative_to_a_folder_elsewhere() -> None:
    root = MediaRoot(path_of("s3://bucket/films"))
    path = path_of("s3://bucket/films/a/b.mp4")
    assert root.to_text(path) == "a/b.mp4"
    assert root.to_path("a/b.mp4") == path
    assert root.canonical("a/b.mp4") == "a/b.mp4"
    assert root.full("a/b.mp4").startswith(root.prefix(root.folder))
    assert root.to_text(path_of("s3://bucket/other.mp4")) == "s3://bucket/other.mp4"


def test_a_file_on_disk_is_none_of_these(tmp_path: Path) -> None:
    (tmp_path / "folder.tar").mkdir()
    (tmp_path / "shard.tar").write_bytes(b"")
    assert is_ordinary(tmp_path / "folder.tar" / "a.mp4")
    assert is_ordinary(tmp_path / "shard.tar")
    assert shard_of(tmp_path / "shard.tar" / "a.mp4") == tmp_path / "shard.tar"
    assert url_of(tmp_path) == str(tmp_path)
    assert not is_url("a://b") and not is_url("sentence: http is a word")


@pytest.mark.parametrize(
    "url",
    ["https://me:secret@host/a.mp4", "https://host/a.mp4?X-Amz-Signature=secret", "s3://b/a?sig=secret"],
)
def test_an_address_with_a_secret_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(UsageError, match="would be stored") as refused:
        path_of(url)
    assert "secret" not in str(refused.value)
