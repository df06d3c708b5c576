"""The hits of several indexes in one order."""

from pathlib import Path

from jepa_retrieval.tasks.searching.fusion import NO_WORDS
from jepa_retrieval.tasks.searching.moments import Moment
from jepa_retrieval.tasks.searching.several import joined_warnings, merged


def _photograph(path: str, score: float, confidence: float | None, written: str | None = None) -> Moment:
    found_by = ("seen", "written") if written else ("seen",)
    return Moment(0, score, confidence, path, "image", None, None, 0, written=written, found_by=found_by)


def test_an_index_without_confidences_does_not_hide_what_is_written_word_for_word() -> None:
    large = [
        _photograph("sign", 0.1, 0.95, written="harbour coffee"),
        _photograph("cup", 0.3, 0.9),
        _photograph("can", 0.2, 0.4, written="coffee"),
    ]
    small = [_photograph("pot", 0.25, None)]
    found = merged(
        [("large", large), ("small", small)], file_of=lambda index, moment: str(Path(index, moment.path))
    )
    assert [moment.path for _, moment in found] == ["sign", "cup", "pot", "can"]


def test_that_there_are_no_words_is_said_only_if_no_index_has_any() -> None:
    assert joined_warnings([(NO_WORDS,), ("unknown", NO_WORDS)]) == [NO_WORDS, "unknown"]
    assert joined_warnings([(NO_WORDS, "unknown"), ("unknown",)]) == ["unknown"]
    assert joined_warnings([(), ()]) == joined_warnings([]) == []
