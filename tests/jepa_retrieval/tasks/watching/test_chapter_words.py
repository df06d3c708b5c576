"""Titles of chapters from what is said and written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import pytest

from jepa_retrieval.models.parts import Model
from jepa_retrieval.tasks.encoding.timed_text import TimedText
from jepa_retrieval.tasks.watching.chapter_words import MAX_TITLE_CHARS, word_titles

WORDS = ("boat", "soup", "the")


class Topics:
    """A model of texts by how often they have one of three words; it does not know words with a z."""

    languages = ("en",)

    @property
    def y_encoder(self) -> Topics:
        return self

    def unknown_words(self, text: str) -> list[str]:
        return [word for word in text.split() if "z" in word]

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        counts = np.array([[0.1 + text.split().count(word) for word in WORDS] for text in texts], np.float32)
        return counts / np.linalg.norm(counts, axis=1, keepdims=True)


def said(*lines: str, begin: float = 0.0) -> list[TimedText]:
    return [TimedText(line, begin + n, begin + n + 0.9, "said") for n, line in enumerate(lines)]


def titles(texts: Sequence[TimedText], *intervals: tuple[float, float]) -> list[tuple[str, str] | None]:
    found = word_titles(texts, intervals, cast(Model, Topics()))
    assert all(title is None or 0 <= title.score <= 1 for title in found)
    return [None if title is None else (title.text, title.sense) for title in found]


def test_a_title_is_the_line_that_says_what_only_its_chapter_says() -> None:
    texts = [
        *said("the the the day", "a boat on the boat", "the the and the"),
        *said("the the the night", "soup of the soup", "the the or the", begin=10.0),
    ]
    assert titles(texts, (0.0, 10.0), (10.0, 20.0)) == [
        ("a boat on the boat", "said"),
        ("soup of the soup", "said"),
    ]


def test_a_chapter_with_few_words_has_none() -> None:
    texts = [*said("well then"), *said("boat boat boat boat and four more words", begin=10.0)]
    assert titles(texts, (0.0, 10.0), (10.0, 20.0), (20.0, 30.0)) == [
        None,
        ("boat boat boat boat and four more words", "said"),
        None,
    ]
    assert titles([], (0.0, 10.0)) == [None]


def test_a_line_whose_words_the_model_does_not_know_is_no_title() -> None:
    known = "boat and four more words than one or two"
    for strange in ("♪ ♪", "boat boat boat zqa zqb zqc zqd", "судно и ещё семь слов кроме одного двух"):
        assert titles(said(known, strange), (0.0, 10.0)) == [(known, "said")]
    assert titles(said("zqa zqb zqc zqd zqe zqf zqg zqh zqi"), (0.0, 10.0)) == [None]


def written(*lines: str, begin: float = 0.0) -> list[TimedText]:
    return [TimedText(line, begin + n, begin + n + 0.9, "written") for n, line in enumerate(lines)]


def test_short_words_that_text_recognition_makes_of_patterns_are_no_title() -> None:
    line = "hello boat the secret word of it is rhubarb"
    junk = written("boat ik", "S m", "ap ik S m", begin=1.0)
    assert titles([*said(line), *junk], (0.0, 10.0)) == [(line, "said")]
    few = said("the word is rhubarb")  # nor do they help others over the minimum
    assert titles([*few, *junk], (0.0, 10.0)) == [None]
    assert titles(written("boat of it is or no if we do"), (0.0, 10.0)) == [None]


def test_of_lines_that_are_as_good_one_that_is_said_is_the_title() -> None:
    spoken, slide = "a boat on a long river", "the boat on some long river boat"
    both = [*written(slide), *said(spoken, begin=1.0)]
    assert titles(both, (0.0, 10.0)) == [(spoken, "said")]
    heading = "soup boat boat boat boat"  # says more than the said line of the same chapter
    lines = [*written(heading, f"{heading} soup"), *said("the the the day", begin=3.0)]
    assert titles(lines, (0.0, 10.0)) == [(f"{heading} soup", "written")]


@pytest.mark.parametrize("line", ["boat " * 40, "b" * 100 + " and more words than one or two or three"])
def test_long_lines_are_cut_between_words_or_within_one_that_is_too_long(line: str) -> None:
    ((title, _),) = titles([TimedText(line, 0.0, 5.0, "written")], (0.0, 10.0))  # type: ignore[misc]
    assert title.endswith("…") and line.startswith(title[:-1])
    assert len(title) <= MAX_TITLE_CHARS + 1
