"""Which subtitles are left out: those that belong to no file with sound."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from jepa_retrieval.media import LeftOut
from jepa_retrieval.media.sound.subtitle_names import belongs_to_any, language_in_name
from jepa_retrieval.tasks.indexing.coverage import without_subtitles


def test_subtitles_of_a_video_are_used_and_those_beside_a_picture_are_not() -> None:
    names = ("film.srt", "film.de.vtt", "photo.srt", "other.srt", "film.txt")
    left_out = [LeftOut(Path("/media", name), "unknown kind") for name in names]
    media = [Path("/media/film.mp4"), Path("/media/photo.jpg"), Path("/elsewhere/other.mp4")]
    assert [item.path.name for item in without_subtitles(left_out, media)] == [
        "photo.srt",
        "other.srt",
        "film.txt",
    ]


@given(st.text("ade.-", min_size=1), st.sets(st.text("ade.-", min_size=1), max_size=5))
def test_stems_are_looked_up_as_if_each_was_compared(stem: str, stems: set[str]) -> None:
    subtitles = Path(f"{stem}.srt")
    assert belongs_to_any(subtitles, stems) == any(language_in_name(subtitles.name, one)[0] for one in stems)
