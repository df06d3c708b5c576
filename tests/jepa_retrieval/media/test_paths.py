import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jepa_retrieval.errors import UsageError
from jepa_retrieval.media import decode_path, encode_path
from jepa_retrieval.media.paths import decode_bytes

names = st.one_of(
    st.binary(min_size=1).filter(lambda name: b"\0" not in name),
    st.lists(st.sampled_from([b"\\", b"x", b"ff", b"5c", b"\xff", "é".encode(), b"a", b"\n"])).map(b"".join),
)


@given(names)
def test_every_name_comes_back(name: bytes) -> None:
    assert decode_bytes(encode_path(name)) == name


@given(names, names)
def test_different_names_have_different_texts(one: bytes, other: bytes) -> None:
    assert (encode_path(one) == encode_path(other)) == (one == other)


@given(names)
def test_the_text_is_valid_unicode(name: bytes) -> None:
    encode_path(name).encode("utf-8")


def test_ordinary_names_stay_as_they_are() -> None:
    for name in ("trip/a.mp4", "Ünï cödé 🎬.mov", 'quote" and\nnewline', "back\\slash", "\\x is no escape"):
        assert encode_path(Path(name)) == name


def test_the_documented_escapes() -> None:
    assert encode_path(b"a\xff.mp4") == "a\\xff.mp4"
    assert encode_path("a\\xff.mp4") == "a\\x5cxff.mp4"


def test_paths_come_back_as_paths() -> None:
    path = Path(os.fsdecode(b"folder/a\xfe\\x00.mp4"))
    assert decode_path(encode_path(path)) == path


def test_a_name_that_no_file_can_have() -> None:
    with pytest.raises(UsageError, match="no file can have the name"):
        encode_path("lone \ud800 surrogate")
