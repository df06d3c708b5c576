"""Arguments by mistake: sentences as paths, absurd numbers, files of the wrong kind. One sentence, status 2."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from cli.main import app
from tests.cli.conftest import Jepa
from tests.real_media import video

pytestmark = pytest.mark.long

SENTENCE = "a sentence with more letters than a file name may have, " * 6
NINES = "9" * 400


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["search", SENTENCE], 0),
        (["search", "a cat", "--plus", SENTENCE], 0),
        (["search", "a cat", "--minus", f"2:{SENTENCE}"], 0),
        (["search", "a cat", "--plus", f"{SENTENCE}@1-2"], 2),
        (["search", "a cat", "--not-like", SENTENCE], 2),
        (["search", "--video", SENTENCE], 2),
        (["search", "--video", f"{SENTENCE}@1-2"], 2),
        (["search", "--image", SENTENCE], 2),
        (["ask", SENTENCE], 0),
        (["ask", SENTENCE, "Is there a cat?"], 2),
        (["classify", "--labels", f"a cat,{SENTENCE.replace(',', '')}"], 0),
        (["classify", SENTENCE, "--labels", "a cat"], 2),
        (["remove", SENTENCE], 2),
    ],
)
def test_a_sentence_is_no_file(jepa: Jepa, library: Path, arguments: list[str], status: int) -> None:
    done = jepa(*arguments, "--index", library)
    assert done.status == status
    assert "name too long" not in done.err
    assert len(done.err.splitlines()) == (1 if status else 0)


@pytest.mark.parametrize(
    "arguments",
    [
        ["search", "TEXT"],
        ["search", "a cat", "--plus", "TEXT"],
        ["search", "a cat", "--minus", "TEXT"],
        ["search", "a cat", "--prompt", "TEXT"],
        ["ask", "TEXT"],
        ["ask", "Is there a cat?", "--search", "TEXT"],
        ["ask", "Is there a cat?", "--answers", "TEXT"],
        ["classify", "--labels", "TEXT"],
        ["classify", "--labels", "a cat", "--template", "TEXT {}"],
        ["classify", "--labels", "a cat", "--prompt", "TEXT"],
    ],
    ids=lambda arguments: "-".join(arguments[:-1]),
)
def test_bytes_that_are_not_utf8_are_no_text(jepa: Jepa, library: Path, arguments: list[str]) -> None:
    done = jepa(*(word.replace("TEXT", "caf\udce9 \udcff") for word in arguments), "--index", library)
    assert (done.status, done.out) == (2, "")
    assert "is not valid text" in done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [["search", "--image", "a\0b"], ["search", "--video", "a\0b@1-2"], ["index", "a\0b"], ["remove", "a\0b"],
     ["status", "--index", "a\0b"], ["ask", "a\0b", "Is there a cat?"], ["classify", "a\0b", "--labels", "a"],
     ["watch", "a\0b"], ["chapters", "a\0b"], ["export", "a\0b.csv"]],
)  # fmt: skip
def test_null_characters_are_in_no_path(jepa: Jepa, arguments: list[str]) -> None:
    done = jepa(*arguments)
    assert (done.status, done.out) == (2, "")
    assert "a path cannot contain a null character" in done.err


@pytest.mark.parametrize("time", [NINES, f"{NINES}:00", f"1:{NINES}", f"{NINES}:00:00.{NINES}"])
def test_times_beyond_all_videos(jepa: Jepa, time: str) -> None:
    for arguments in (["search", "--video", f"a.mp4@0-{time}"], ["watch", "a.mp4", "--for", time]):
        done = jepa(*arguments)
        assert (done.status, done.out) == (2, "")
        assert "longer than ten years" in done.err
        assert len(done.err) < 300


def number_options() -> Iterator[tuple[list[str], Any]]:
    """Every option that takes a number, with the words of its command."""

    def walk(command: Any, words: list[str]) -> Iterator[tuple[list[str], Any]]:
        for name, child in getattr(command, "commands", {}).items():
            yield from walk(child, [*words, name])
        for parameter in command.params:
            annotation = getattr(getattr(parameter, "type_descriptor", None), "annotation", None)
            if annotation in (int, float):
                yield words, parameter

    return walk(typer.main.get_command(app), [])


@pytest.mark.parametrize("value", ["nan", "-1", "", "one", "0x10"])
@pytest.mark.parametrize(
    ("words", "option"),
    list(number_options()),
    ids=lambda value: getattr(value, "name", None) or "-".join(value),
)
def test_numbers_are_checked_and_the_option_is_named(
    jepa: Jepa, words: list[str], option: Any, value: str
) -> None:
    done = jepa(*words, f"{option.opts[0]}={value}")
    assert (done.status, done.out) == (2, "")
    assert option.opts[0] in done.err
    assert " must be " in done.err
    assert len(done.err.splitlines()) == 1


def test_all_numbers_are_found() -> None:
    assert len(list(number_options())) > 20


@pytest.mark.parametrize("number", ["10000000000", NINES])
def test_more_than_there_is_is_all_there_is(jepa: Jepa, library: Path, number: str) -> None:
    for arguments in (
        ["search", "a cat", "--top", number],
        ["ask", "Is there a cat?", "--top", number],
        ["ask", "Is there a cat?", "--search", "a cat", "--clips", number],
        ["classify", "--labels", "a cat,a dog", "--top", number],
    ):
        done = jepa(*arguments, "--index", library)
        assert (done.status, done.err) == (0, "")
        assert done.out


@pytest.mark.parametrize(
    ("labels", "status", "message"),
    [
        (",".join(f"thing {number}" for number in range(2000)), 0, ""),
        ("a cat,,a dog,", 0, ""),
        (",,,", 2, "--labels is empty"),
        ("", 2, "--labels is empty"),
        ("a cat,a cat", 2, "given twice"),
    ],
)
def test_lists_of_labels(jepa: Jepa, library: Path, labels: str, status: int, message: str) -> None:
    done = jepa("classify", "--labels", labels, "--index", library)
    assert done.status == status
    assert message in done.err
    assert len(done.err.splitlines()) == bool(status)


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "utf16").write_bytes("a cat\na dog\n".encode("utf-16"))
    (tmp_path / "utf16be").write_bytes("a cat\na dog\n".encode("utf-16-be"))
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    (tmp_path / "empty").write_bytes(b"\n \n")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("folder", "Is a directory"),
        ("pipe", "is not a regular file"),
        ("utf16", "it is in UTF-16"),
        ("utf16be", "null characters"),
        ("binary", "not a text file"),
        ("empty", ""),
        ("missing", "no such file or folder"),
    ],
)
@pytest.mark.parametrize(
    "arguments",
    [
        ["classify", "--labels-file"],
        ["ask", "Is there a cat?", "--answers-file"],
        ["watch", video("bikes.mp4"), "--sentences"],
        ["classify", "--labels", "a cat", "--truth"],
        ["train", "pretrain"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_what_is_no_list_of_texts(
    jepa: Jepa,
    library: Path,
    wrong: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    name: str,
    message: str,
) -> None:
    monkeypatch.chdir(library)
    done = jepa(*arguments, wrong / name)
    assert (done.status, done.out) == (2, "")
    assert name in done.err
    assert message in done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize("name", ["folder", "pipe"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["search", "--image", "WRONG"],
        ["search", "--video", "WRONG@1-2"],
        ["search", "a cat", "--not-like", "WRONG"],
        ["explain", "--before", "WRONG", "--after", "WRONG", "WRONG"],
        ["models", "import", "WRONG"],
        ["chapters", "WRONG"],
        ["watch", "WRONG"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_what_is_no_file(
    jepa: Jepa,
    library: Path,
    wrong: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    name: str,
) -> None:
    monkeypatch.chdir(library)
    done = jepa(*(word.replace("WRONG", str(wrong / name)) for word in arguments))
    assert (done.status, done.out) == (2, "")
    assert f"{name}: is" in done.err
    assert len(done.err.splitlines()) == 1


def test_a_pipe_among_media_is_named(jepa: Jepa, wrong: Path) -> None:
    done = jepa("index", wrong / "pipe", "--index", wrong / "index")
    assert done.status == 2
    assert "pipe: is not a regular file" in done.err and not (wrong / "index").exists()


def test_a_file_in_the_place_of_an_index_is_called_so(jepa: Jepa, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no index")
    done = jepa("search", "a cat", "--index", tmp_path / "file")
    assert (done.status, done.err) == (2, f"Error: no index at {tmp_path / 'file'}: it is not a folder\n")
