from pathlib import Path

import pytest

from jepa_retrieval.errors import UsageError
from jepa_retrieval.text_files import read_lines


def test_lines_are_trimmed_and_come_once_in_their_order(tmp_path: Path) -> None:
    file = tmp_path / "labels.txt"
    file.write_bytes("\ufeffdog\r\n\r\n  a cat \r\ndog\r\nélan".encode())
    assert read_lines(file) == ["dog", "a cat", "élan"]


@pytest.mark.parametrize(
    ("content", "message"), [(None, "cannot be read"), (b"\n \n", "holds no text"), (b"\xff\xfe", "UTF-8")]
)
def test_errors_name_the_file(tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "labels.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageError, match=rf"labels\.txt: .*{message}"):
        read_lines(file)
