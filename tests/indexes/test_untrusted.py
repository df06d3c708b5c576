"""Reading what a stranger may have written: plain names, regular files, checked fields."""

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexes.untrusted import Fields, check_no_links, check_plain_name, open_regular, parse_json, read_bytes

BAD_NAMES = [
    "",
    ".",
    "..",
    "a/b",
    "/etc/passwd",
    "../x",
    "a\\b",
    "C:x",
    "x:y",
    "a\0b",
    "nul",
    "COM1.bin",
    "a b",
    "-x",
]
BAD_NAMES += [".hidden", "a.", "x" * 201, "é", "a\n", None, 5, True, [], {}, "~", "$HOME", "a*", "\u202ex"]


@pytest.mark.parametrize("name", BAD_NAMES, ids=repr)
def test_only_plain_names_pass(name):
    with pytest.raises(ValueError, match="is not the plain name of a file"):
        check_plain_name(name)


def test_our_own_names_pass():
    for name in ("embeddings-1a2b3c4d.f16", "hits-12-1a2b3c4d.bin", "ivf-sq8-3-ab.faiss", "paths-1-x.json"):
        assert check_plain_name(name) == name


@given(st.text(max_size=30))
def test_a_plain_name_stays_in_its_folder(name):
    try:
        check_plain_name(name)
    except ValueError:
        return
    assert os.path.normpath(os.path.join("/a/b", name)) == f"/a/b/{name}"  # noqa: PTH118


def test_links_pipes_folders_and_large_files_are_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    assert read_bytes(tmp_path / "file", max_bytes=5) == b"12345"
    with pytest.raises(ValueError, match="more than 4"):
        read_bytes(tmp_path / "file", max_bytes=4)
    for name in ("link", "pipe", "folder"):
        with pytest.raises((ValueError, OSError)):
            open_regular(tmp_path / name)
    with pytest.raises(ValueError, match="link or a special file"):
        check_no_links(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "{", "[" * 100_000, "NaN", "Infinity", "9" * 5000, '{"a": NaN}', b"\xff\xfe{}", b"\x80"]
)
def test_what_is_not_json_is_one_sentence(text):
    with pytest.raises(ValueError, match="it is not JSON"):
        parse_json(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**400), 10**400) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(JSON)
def test_fields_return_what_was_asked_for_or_raise(value):
    fields = Fields({"a": value})
    for read, kind in (
        (lambda: fields.text("a"), str),
        (lambda: fields.unicode("a"), str),
        (lambda: fields.integer("a", low=-5, high=5), int),
        (lambda: fields.number("a", low=-5), float),
        (lambda: fields.boolean("a"), bool),
        (lambda: fields.fields("a"), Fields),
    ):
        try:
            found = read()
        except ValueError as error:
            assert str(error).startswith("a ")
            continue
        assert type(found) is kind
    assert json.dumps(str(value))  # the value itself was left alone
