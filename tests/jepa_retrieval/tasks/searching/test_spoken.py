"""What was said beside what was seen: phrases, times, and the order of both together."""

from pathlib import Path

import numpy as np
import pytest

from jepa_retrieval.errors import UsageError
from jepa_retrieval.libraries import Libraries
from jepa_retrieval.library import Library, Query
from jepa_retrieval.tasks.searching.words import Wanted, folded, same_word
from tests.jepa_retrieval.tasks.colour_model import ColourModel
from tests.media_factory import BLUE, GREEN, RED, YELLOW, make_video

pytest.importorskip("faster_whisper", reason="the extra 'speech' is not installed")


@pytest.fixture
def library(colour_model: ColourModel, tmp_path: Path) -> Library:
    """Four videos of two colours each, two of them with subtitles."""
    pairs = {"one": (RED, BLUE), "two": (GREEN, YELLOW), "three": (YELLOW, RED), "four": (BLUE, GREEN)}
    for name, scenes in pairs.items():
        make_video(tmp_path / f"{name}.mp4", seconds=8.0, fps=5.0, scenes=scenes)
    (tmp_path / "one.srt").write_text(
        "1\n00:00:01,000 --> 00:00:02,000\nWelcome to the harbour.\n\n"
        "2\n00:00:05,000 --> 00:00:07,000\nNow the red balloons\n\n"
        "3\n00:00:07,000 --> 00:00:07,800\nfly to the moon\n"
    )
    (tmp_path / "two.srt").write_text(
        "1\n00:00:02,000 --> 00:00:03,000\nThe café is closed\n\n2\n00:00:04,000 --> 00:00:05,000\n今天天气很好\n"
    )
    made = Library.create(tmp_path)
    made.index(speech=True)
    return made


def test_words_that_were_said_lead_to_where_they_are_said(library: Library) -> None:
    best, *_ = library.search("balloon flies to the moon", within=["said"]).hits
    assert (best.path, best.said) == ("one.mp4", "Now the red balloons")
    assert best.start == pytest.approx(6.2, abs=0.5) and best.end == pytest.approx(7.0, abs=0.2)
    (cafe,) = library.search("CAFE", within=["said"]).hits
    assert (cafe.path, cafe.found_by) == ("two.mp4", ("said",)) and abs(cafe.start - 2.2) < 1


def test_a_query_is_read_once_for_the_words_it_asks_for(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, original = [], Wanted.of

    def counted(*texts: str) -> Wanted:
        read.append(texts)
        return original(*texts)

    monkeypatch.setattr(Wanted, "of", counted)
    assert library.search('"red balloons" fly').hits
    assert read == [('"red balloons" fly',)]


def test_what_is_seen_and_said_is_one_moment(library: Library) -> None:
    hits = library.search("yellow harbour", top=20).hits
    both = [hit for hit in hits if hit.found_by == ("seen", "said")]
    assert [hit.path for hit in both] == ["one.mp4"]
    assert "harbour" in (both[0].said or "")
    seen = library.search("yellow harbour", top=20, within=["seen"]).hits
    assert {(hit.path, hit.clip_id) for hit in seen} == {(hit.path, hit.clip_id) for hit in hits}
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))


def test_a_confidence_does_not_depend_on_how_many_moments_were_asked_for(library: Library) -> None:
    for text in ("welcome, harbour", "fly, moon", "cafe, closed"):
        many = {(hit.path, hit.said): hit for hit in library.search(text, top=20).hits}
        (best,) = library.search(text, top=1).hits
        assert best.said and best.confidence == pytest.approx(many[best.path, best.said].confidence, abs=1e-6)


def test_pictures_keep_their_order_where_nothing_was_said(library: Library) -> None:
    seen = library.search("blue", within=["seen"]).hits
    assert library.search("blue").hits == seen
    assert all(hit.said is None and hit.found_by == ("seen",) for hit in seen)


def test_quotes_ask_for_exactly_these_words(library: Library) -> None:
    (hit,) = library.search('"red balloons fly"').hits
    assert hit.path == "one.mp4" and abs(hit.start - 5.9) < 1
    assert library.search('"red balloon"').hits == []
    assert library.search('"balloons the"').hits == []
    assert [hit.path for hit in library.search('closed "the cafe"').hits] == ["two.mp4"]


@pytest.mark.parametrize("quotes", ["“{}”", "„{}“", "«{}»", "« {} »", '“{}"'])
def test_quotation_marks_of_every_kind_are_quotes(library: Library, quotes: str) -> None:
    (hit,) = library.search(quotes.format("red balloons fly")).hits
    assert hit.path == "one.mp4"
    assert library.search(quotes.format("red balloon")).hits == []
    with pytest.raises(UsageError, match="nothing between the quotes"):
        library.search(quotes.format(""))


def test_a_phrase_ends_with_its_text(library: Library) -> None:
    found = library.search(Query.text('12" balloons') + 'a 7" moon')
    assert {hit.path for hit in found.hits} > {"one.mp4"} and len(found.warnings) == 2


def test_quotes_are_refused_where_words_cannot_be_looked_for(library: Library) -> None:
    with pytest.raises(UsageError, match="cannot be looked for in what was seen"):
        library.search('"red balloons fly"', within=["seen"])
    for query in (Query.text('"red balloons"') - "blue", Query.text("blue") - '"red balloons"'):
        with pytest.raises(UsageError, match="only with other texts"):
            library.search(query)


def test_an_index_without_words_has_no_hits_for_quotes(
    library: Library, colour_model: ColourModel, tmp_path: Path
) -> None:
    for name in ("silent", "still"):
        (tmp_path / name).mkdir()
        make_video(tmp_path / name / "red.mp4", seconds=8.0, fps=5.0, scenes=(RED, BLUE))
        Library.create(tmp_path / name).index()
    alone = Library.open(tmp_path / "silent").search('"red balloons" blue')
    assert (alone.hits, len(alone.warnings)) == ([], 1) and "jepa index --speech" in alone.warnings[0]
    both = Libraries.open([library.folder, tmp_path / "silent"]).search('"red balloons fly"')
    assert [hit.path for hit in both.hits] == ["one.mp4"] and both.warnings == ()
    neither = Libraries.open([tmp_path / "still", tmp_path / "silent"])
    assert (neither.search('"red balloons"').hits, neither.search('"red balloons"').warnings) == (
        [],
        alone.warnings,
    )
    with pytest.raises(UsageError, match="cannot be looked for in what was seen"):
        neither.search('"red balloons"', within=["seen"])


def test_languages_without_spaces_are_searched_too(library: Library) -> None:
    (hit,) = library.search("天气", within=["said"]).hits
    assert (hit.path, hit.said) == ("two.mp4", "今天天气很好")
    assert [hit.path for hit in library.search('"天气"').hits] == ["two.mp4"]


def test_a_long_text_over_a_clip_with_very_many_lines_is_answered(
    colour_model: ColourModel, tmp_path: Path
) -> None:
    random = np.random.default_rng(0)
    words = ["".join(random.choice(list("bcdfgklmnprstvwz"), 6)) for _ in range(2000)]
    make_video(tmp_path / "a.mp4", seconds=12.0, fps=5.0)
    with (tmp_path / "a.srt").open("w") as file:
        for number in range(10_000):  # one begins every millisecond
            said = " ".join(random.choice(words, 6))
            start, end = (f"00:00:{at // 1000:02d},{at % 1000:03d}" for at in (number, number + 900))
            file.write(f"{number}\n{start} --> {end}\n{said}\n\n")
    library = Library.create(tmp_path)
    library.index(speech=True)
    first = (tmp_path / "a.srt").read_text().split("\n")[5000 * 4 + 2]
    same_but_longer = " ".join([*words[:1000], first])
    found = library.search(same_but_longer, within=["said"]).hits
    assert found and found[0].said is not None
    (hit,) = library.search(f"{first} {first} {first}", within=["said"], top=1).hits
    assert hit.said == first and hit.start == pytest.approx(5.0, abs=0.5)


def test_options_hold_for_speech_too(library: Library) -> None:
    assert library.search("harbour", within=["said"], where="path = 'two.mp4'").hits == []
    assert library.search("the closed", within=["said"], min_confidence=0.99).hits == []
    found = library.search_many(["harbour", "cafe"], within=["said"], top=1)
    assert [[hit.path for hit in result.hits] for result in found] == [["one.mp4"], ["two.mp4"]]
    per_file = library.search("red balloons harbour", per_file=True).hits
    assert len({hit.path for hit in per_file}) == len(per_file)
    # Less likely moments of a file do not move it behind others.
    every = [hit.path for hit in library.search("red balloons harbour", top=20).hits]
    assert [hit.path for hit in per_file] == list(dict.fromkeys(every))


def test_where_speech_cannot_be_searched_the_error_says_why(library: Library, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="within must be some of seen, said"):
        library.search("a", within=["heard"])
    with pytest.raises(UsageError, match="only texts"):
        library.search(Query.text("red") - "blue", within=["said"])
    (tmp_path / "other").mkdir()
    with pytest.raises(UsageError, match=r"no speech.*--speech"):
        Library.create(tmp_path / "other").search("a", within=["said"])


def test_a_quote_that_is_not_closed_is_a_warning_where_words_are_looked_for(library: Library) -> None:
    (warning,) = library.search('"fly to the moon', within=["said"]).warnings
    assert "is not closed" in warning and "fly to the moon" in warning
    assert library.search('"fly to the moon"').warnings == ()
    assert library.search('a 12" record', within=["seen"]).warnings == ()
    with pytest.raises(UsageError, match="nothing between the quotes"):
        library.search('""')


def test_words_of_a_query() -> None:
    wanted = Wanted.of('the Dog "at the Café" "" runs')
    assert (wanted.words, wanted.phrases) == (("dog", "runs"), (("at", "the", "cafe"),))
    assert Wanted.of("to be or not to be").words == ("to", "be", "or", "not")
    assert Wanted.of("the dog the dog").distinct_text == "the dog"
    assert folded("It's  ÉTÉ—now") == ("it's", "ete", "now")
    assert folded("今天 weather好") == ("今", "天", "weather", "好")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        *(
            ("dog", "dogs", True),
            ("bark", "barking", True),
            ("city", "cities", True),
            ("make", "making", True),
        ),
        *(("cat", "car", False), ("is", "island", False), ("car", "careless", False)),
    ],
)
def test_inflections(one: str, other: str, same: bool) -> None:
    assert same_word(one, other) is same and same_word(other, one) is same
