import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jepa_retrieval.errors import UsageError
from jepa_retrieval.text_files import (
    MAX_LINE_BYTES,
    iterate_lines,
    parse_json,
    read_json,
    read_lines,
    read_toml,
    write_page,
)


def test_lines_are_trimmed_and_come_once_in_their_order(tmp_path: Path) -> None:
    file = tmp_path / "labels.txt"
    file.write_bytes("\ufeffdog\r\n\r\n  a cat \r\ndog\r\nélan".encode())
    assert read_lines(file) == ["dog", "a cat", "élan"]


@pytest.mark.parametrize(
    ("content", "message"), [(None, "cannot be read"), (b"\n \n", "contains no text"), (b"\xff\xfe", "UTF-8")]
)
def test_errors_name_the_file(tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "labels.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageError, match=rf"labels\.txt: .*{message}"):
        read_lines(file)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not valid JSON"),
        ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
        ("1" * 10_000, "not valid JSON"),
        ("\ud800".encode(errors="surrogatepass"), "UTF-8"),
        (" " * (1 << 21), "larger than 1 MB"),
    ],
)
def test_json_that_is_none_is_named(tmp_path: Path, content: str | bytes, message: str) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UsageError, match=rf"config\.json: .*{message}"):
        read_json(file)


@pytest.mark.parametrize(
    ("content", "message"),
    [("a = [", "not valid TOML"), ("a = " + "[" * 50_000, "deeply"), ("a = " + "9" * 10_000, "TOML")],
)
def test_toml_that_is_none_is_named(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "recipe.toml").write_text(content)
    with pytest.raises(UsageError, match=rf"recipe\.toml: .*{message}"):
        read_toml(tmp_path / "recipe.toml")


def test_a_huge_file_is_refused_in_bounded_memory(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(UsageError, match=r"sparse: is larger than"):
        read_json(tmp_path / "sparse")
    with pytest.raises(UsageError, match=r"sparse:1: the line is longer than 16 MB"):
        next(iterate_lines(tmp_path / "sparse"))


def test_lines_are_numbered_and_a_bad_one_is_named(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    file.write_bytes(b"\xef\xbb\xbfone\r\n\ntwo\xe2\x80\xa8half\n\xff\n")
    found = iterate_lines(file)
    assert [next(found), next(found), next(found)] == [(1, "one"), (2, ""), (3, "two\u2028half")]
    with pytest.raises(UsageError, match=r"lines:4: not a text file in UTF-8"):
        next(found)
    file.write_bytes(b"x" * (MAX_LINE_BYTES + 1))
    with pytest.raises(UsageError, match="lines:1: the line is longer"):
        next(iterate_lines(file))


@given(st.binary(max_size=40))
def test_any_bytes_are_json_or_refused(content: bytes) -> None:
    try:
        parse_json(content, where="a.json")
    except UsageError as error:
        assert str(error).startswith("a.json: not valid JSON")


def test_what_never_ends_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(UsageError, match="is not a regular file"):
            read_lines(path)
        with pytest.raises(UsageError, match="is not a regular file"):
            list(iterate_lines(path))


def test_pipes_of_the_shell_are_read() -> None:
    """`--labels-file <(command)` names /dev/fd/N, a pipe that ends with its writer."""
    reading, writing = os.pipe()
    os.write(writing, b"dog\ncat\n")
    os.close(writing)
    assert read_lines(Path(f"/dev/fd/{reading}")) == ["dog", "cat"]
    os.close(reading)


def test_a_page_that_cannot_be_written_is_named() -> None:
    with pytest.raises(OSError, match=r"No space left on device: '/dev/full'"):
        write_page(Path("/dev/full"), "page")
