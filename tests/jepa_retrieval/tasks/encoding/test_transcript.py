"""Words to lines, and lines to what clips store and back."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from indexes.records import ClipHit
from jepa_retrieval.models.speech import Word
from jepa_retrieval.tasks.encoding.transcript import (
    MAX_LINE_CHARS,
    MAX_LINE_SECONDS,
    Line,
    Transcript,
    divide,
    line_of_text,
    lines_of_speech,
    speech_of_clips,
)

texts = st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=12)


@st.composite
def words(draw: st.DrawFn) -> list[Word]:
    at, found = 0.0, []
    for text in draw(st.lists(texts, max_size=40)):
        start = at + draw(st.sampled_from([0.0, 0.25, 2.0]))
        at = start + draw(st.sampled_from([0.25, 0.5, 1.5]))
        found.append(Word(draw(st.sampled_from([" ", " ", ""])) + text, start, at))
    return found


def clips(*borders: float) -> list[ClipHit]:
    pairs = itertools.pairwise(borders)
    return [ClipHit(n, 0.0, "a.mp4", "video", start, end) for n, (start, end) in enumerate(pairs)]


@given(words())
def test_lines_hold_every_word_once_and_are_not_too_long(spoken: list[Word]) -> None:
    lines = divide(spoken)
    assert [word for line in lines for word in line.words] == spoken
    for line in lines:
        assert len(line.words) == 1 or len(line.text) <= MAX_LINE_CHARS
        assert len(line.words) == 1 or line.end - line.start <= MAX_LINE_SECONDS


def test_lines_end_with_sentences_and_in_pauses() -> None:
    spoken = [Word(" One.", 0, 1), Word(" Two", 1, 2), Word(" three", 4, 5)]
    assert [line.text for line in divide(spoken)] == ["One.", "Two", "three"]


@given(words(), st.lists(st.floats(0.5, 30), min_size=1, max_size=5, unique=True))
def test_every_clip_stores_the_lines_that_it_overlaps_and_gives_them_back(
    spoken: list[Word], ends: list[float]
) -> None:
    lines = divide(spoken)
    cut = clips(0.0, *sorted(ends))
    stored = speech_of_clips(Transcript(tuple(lines), "en", "x"), cut)
    back = {clip_id: lines_of_speech(speech) for clip_id, speech in stored.items()}
    for clip in cut:
        for line in lines:
            if line.start < (clip.end or 0) and line.end > (clip.start or 0):
                assert line.text in [other.text for other in back[clip.clip_id]]
    everywhere = {(line.start, line.text) for found in back.values() for line in found}
    assert everywhere == {(line.start, line.text) for line in lines}
    for speech in stored.values():
        assert speech.language == ("en" if speech.text else None)


def test_the_words_of_a_line_without_times_of_their_own_follow_each_other() -> None:
    line = line_of_text("one three  five", 10.0, 20.0)
    assert isinstance(line, Line) and line.text == "one three five"
    assert (line.start, line.end) == (10.0, 20.0)
    assert [round(word.start, 1) for word in line.words] == [10.0, 12.9, 17.1]
    assert line_of_text("  ", 0.0, 1.0) is None
