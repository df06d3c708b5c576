"""The texts of a clip that are compared by meaning: lines that are said, and lines that are written together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from indexes.records import Passage
from jepa_retrieval.tasks.encoding.writing import lines_of_writing

if TYPE_CHECKING:
    from indexes.records import ClipWriting

# Of a passage of writing. What is longer says more than one thing, and the Y-Encoder of nano reads 256 tokens.
MAX_CHARS = 200


def text_of(lines: Sequence[str]) -> str:
    """Some lines as one text."""
    return " ".join(lines)


def passages_of_speech(clip_id: int, said: str) -> Iterator[Passage]:
    """Each line of what is said in a clip.

    Args:
        clip_id: of the clip.
        said: as in `ClipSpeech.text`.
    """
    for number, line in enumerate(said.split("\n")):
        if _has_words(line):
            yield Passage(clip_id, "said", number, 1, text_of([line]))


def passages_of_writing(clip_id: int, writing: ClipWriting) -> Iterator[Passage]:
    """The lines that appear together in a clip's pictures, as long as they are not too long together."""
    numbered = list(enumerate(lines_of_writing(writing)))
    for _, together in groupby(numbered, lambda pair: pair[1].start):
        first, texts = 0, list[str]()
        for number, line in together:
            if texts and len(text_of([*texts, line.text])) > MAX_CHARS:
                yield Passage(clip_id, "written", first, len(texts), text_of(texts))
                texts = []
            first = first if texts else number
            texts.append(line.text)
        if _has_words(text_of(texts)):
            yield Passage(clip_id, "written", first, len(texts), text_of(texts))


def _has_words(text: str) -> bool:
    return any(char.isalpha() for char in text)
