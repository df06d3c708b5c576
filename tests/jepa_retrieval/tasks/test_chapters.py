from pathlib import Path

import pytest

from jepa_retrieval.errors import UsageError
from jepa_retrieval.report.chapters import ffmetadata
from jepa_retrieval.tasks.chapters import Chapter, find_chapters
from tests.jepa_retrieval.tasks.colour_model import ColourDecoder, ColourModel
from tests.media_factory import BLUE, GREEN, RED, YELLOW, make_video


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of each of five scenes, two of them alike."""
    path = tmp_path_factory.mktemp("video") / "a.mp4"
    return make_video(path, seconds=30, fps=5, size=(64, 48), scenes=[RED, GREEN, GREEN, BLUE, YELLOW])


def starts(chapters: list[Chapter]) -> list[tuple[float, str]]:
    return [(chapter.start, chapter.title) for chapter in chapters]


def test_chapters_cover_the_video_and_have_titles(video: Path) -> None:
    found = find_chapters(video, ColourModel(), ColourDecoder(), least=5)
    assert starts(found) == [
        (0.0, "The picture is red"),
        (6.0, "The picture is green"),
        (18.0, "The picture is blue"),
        (24.0, "The picture is yellow"),
    ]
    assert [chapter.end for chapter in found] == [6.0, 18.0, 24.0, 30.0]


def test_a_number_of_chapters_can_be_asked_for(video: Path) -> None:
    assert len(find_chapters(video, ColourModel(), ColourDecoder(), count=2)) == 2
    with pytest.raises(UsageError):
        find_chapters(video, ColourModel(), ColourDecoder(), count=1000)


def test_short_parts_are_joined_until_chapters_last(video: Path) -> None:
    assert len(find_chapters(video, ColourModel(), ColourDecoder(), least=15)) == 2


def test_ffmetadata_escapes_titles() -> None:
    text = ffmetadata([Chapter(0.0, 2.5, "a=b; #1 \\ c", 1.0)])
    assert text == ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=2500\ntitle=a\\=b\\; \\#1 \\\\ c"
