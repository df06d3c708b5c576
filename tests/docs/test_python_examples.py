"""The examples of docs/python.md run, in their order, on a small real library."""

import re
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.real_media import copy_media

EXAMPLE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_examples_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copy_media(tmp_path / "library")
    monkeypatch.chdir(tmp_path)
    page = (REPOSITORY / "docs" / "python.md").read_text("utf-8")
    examples = EXAMPLE.findall(page)
    assert len(examples) == 5
    names: dict[str, object] = {}
    printed = []
    for number, example in enumerate(examples):
        line = page[: page.index(example)].count("\n")
        exec(compile("\n" * line + example, "docs/python.md", "exec"), names)
        printed.append(capsys.readouterr().out)
        assert printed[number], f"example {number + 1} prints nothing"
    assert "photos/coffee.png" in printed[0]
    assert "photos/chelsea.png a cat" in printed[1]
    assert names["found"]._repr_html_().count("data:image/jpeg;base64,") == 3  # type: ignore[attr-defined]
    assert names["timeline"]._repr_html_().count("<figure") >= 1  # type: ignore[attr-defined]
