from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from jepa_retrieval.errors import UsageError
from jepa_retrieval.report.chapters import ffmetadata
from jepa_retrieval.tasks.watching.chapters import Chapter, find_chapters
from jepa_retrieval.tasks.watching.narrator import Narrator
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
    found = find_chapters(video, ColourModel(), ColourDecoder(), min_seconds=5)
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
    assert len(find_chapters(video, ColourModel(), ColourDecoder(), min_seconds=15)) == 2


class Teller:
    """In place of a language model: says what it was given."""

    def line(self, sentences: Sequence[str]) -> str:
        return " then ".join(text.split()[-1] for text in dict.fromkeys(sentences))


def test_a_voice_makes_titles_of_what_a_chapter_shows(video: Path) -> None:
    found = find_chapters(video, ColourModel(), ColourDecoder(), count=2, narrator=cast(Narrator, Teller()))
    words = [word.rstrip(".") for chapter in found for word in chapter.title.lower().split(" then ")]
    assert words == ["red", "green", "blue", "yellow"]
    assert all(0 <= chapter.score <= 1 for chapter in found)


def test_ffmetadata_escapes_titles() -> None:
    chapter = Chapter(0.0, 2.5, "a=b; #1 \\ c", 1.0)
    assert ffmetadata([chapter], summary="a;b").startswith(";FFMETADATA1\ndescription=a\\;b\n[CHAPTER]\n")
    text = ffmetadata([chapter])
    assert text == ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=2500\ntitle=a\\=b\\; \\#1 \\\\ c"
