"""The program as the tests call it, and a small real library that is indexed once."""

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli import console
from cli.main import main
from tests.real_media import copy_media, photograph

GOLDEN = Path(__file__).parent / "golden"
ODD_NAME = os.fsdecode(
    b"photos/cat\n[red]\x1b[31m\xff.png"
)  # newline, rich's markup, an escape, invalid UTF-8


@pytest.fixture(autouse=True)
def plain_console(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--quiet` holds for the process that it was given to: each test begins without it."""
    monkeypatch.setattr(console, "settings", console.Settings())


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with two photographs."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("chelsea.png", "coffee.png"):
        shutil.copy(photograph(name), folder / name)
    return folder


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    status: int
    out: str
    err: str


Jepa = Callable[..., Done]
Golden = Callable[[str, str], None]


@pytest.fixture
def jepa(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Jepa:
    """Run a command in this process. Notes on graphs being compiled, which only a cold cache brings, are dropped."""
    monkeypatch.delenv("JEPA_INDEX", raising=False)
    monkeypatch.delenv("JEPA_MODEL", raising=False)

    def call(*arguments: object) -> Done:
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        err = "".join(line for line in captured.err.splitlines(True) if not line.startswith("Preparing "))
        return Done(status, captured.out, err)

    return call


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of real videos and photographs, an odd name and an unreadable file among them, indexed. Read only."""
    folder = copy_media(tmp_path_factory.mktemp("media") / "library")
    shutil.copy(photograph("chelsea.png"), folder / ODD_NAME)
    (folder / "videos" / "broken\n[bold].mp4").write_bytes(b"not a video at all" * 100)
    assert main(["--quiet", "index", str(folder)]) == 1  # one file fails
    return folder


@pytest.fixture
def golden(request: pytest.FixtureRequest, library: Path) -> Golden:
    """Compare output with `golden/NAME.txt`; $JEPA_UPDATE_GOLDEN=1 writes the files anew.

    What another machine or another training of the model changes is masked: times, sizes, scores, numbers of clips.
    """

    def compare(name: str, text: str) -> None:
        masked = _mask(text, library)
        file = GOLDEN / f"{name}.txt"
        if os.environ.get("JEPA_UPDATE_GOLDEN"):
            file.parent.mkdir(exist_ok=True)
            file.write_text(masked, "utf-8")
        assert masked == file.read_text("utf-8")

    return compare


def _mask(text: str, library: Path) -> str:
    for pattern, replacement in (
        (re.escape(str(library)), "LIBRARY"),
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\dZ", "DATE"),
        (r"\b\d+ of \d+ clips", "# of # clips"),
        (r"\b(clips +)\d+", r"\1#"),
        (r"\b\d+(\.\d+)? [kMG]?B\b", "SIZE"),
        (r"\b\d+(\.\d+)? (s|clips?)\b", r"# \2"),
        (r"\t0\.\d{3}\t", "\t0.###\t"),
        (
            r'"(elapsed_ms|media_seconds|score|confidence|probability|clips|clip_id|vectors_covered|\w+_bytes)": '
            r"[-\d.e#]+",
            r'"\1": #',
        ),
        (r" [01]\.\d{3}\b", " 0.###"),
        (r'"fingerprint": "[0-9a-f]+"', '"fingerprint": "#"'),
    ):
        text = re.sub(pattern, replacement, text)
    return text
