"""Collect rows of annotations into the shapes; media that are not there are counted and left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.datasets.files import MediaFolder
from benchmarks.datasets.shapes import ClassificationSet, Clip, Question, QuestionSet, RetrievalSet


class Captioned(NamedTuple):
    """A clip and its captions, as annotations have them."""

    name: str  # of the media file
    captions: Sequence[str]
    start: float | None = None  # seconds
    end: float | None = None


class Labelled(NamedTuple):
    """A clip and its class, as annotations have them."""

    name: str
    label: str
    start: float | None = None  # seconds
    end: float | None = None


def retrieval_set(
    title: str,
    rows: Iterable[Captioned],
    media: MediaFolder,
    *,
    subsets: dict[str, Callable[[Captioned], bool]] | None = None,
) -> RetrievalSet:
    """The clips whose files are there, with their captions; `subsets` say which rows belong to a smaller pool."""
    clips: list[Clip] = []
    captions: list[str] = []
    owners: list[int] = []
    chosen: dict[str, set[int]] = {name: set() for name in subsets or {}}
    named = 0
    example = ""
    for row in rows:
        named += 1
        example = example or row.name
        path = media.find(row.name)
        texts = [" ".join(text.split()) for text in row.captions]
        if path is None or not any(texts):
            continue
        for name, belongs in (subsets or {}).items():
            if belongs(row):
                chosen[name].add(len(clips))
        captions += [text for text in texts if text]
        owners += [len(clips)] * sum(map(bool, texts))
        clips.append(Clip(path, row.start, row.end))
    if not clips:
        raise media.missing("media", example)
    return RetrievalSet(
        title,
        tuple(clips),
        tuple(captions),
        tuple(owners),
        named,
        {name: frozenset(rows) for name, rows in chosen.items()},
    )


def classification_set(
    title: str,
    rows: Iterable[Labelled],
    media: MediaFolder,
    *,
    classes: Sequence[str],
    templates: tuple[str, ...] = ("{}",),
) -> ClassificationSet:
    """The clips whose files are there. Classes of the same text count as one."""
    different = tuple(dict.fromkeys(classes))
    number = {text: row for row, text in enumerate(different)}
    clips: list[Clip] = []
    labels: list[int] = []
    named = 0
    example = ""
    for row in rows:
        named += 1
        example = example or row.name
        path = media.find(row.name)
        if path is not None:
            clips.append(Clip(path, row.start, row.end))
            labels.append(number[row.label])
    if not clips:
        raise media.missing("media", example)
    return ClassificationSet(title, tuple(clips), tuple(labels), different, named, templates)


class Asked(NamedTuple):
    """A question, as annotations have it."""

    image: str
    text: str
    answers: tuple[str, ...]
    kind: str = ""


def question_set(title: str, rows: Sequence[Asked], media: MediaFolder, **options: object) -> QuestionSet:
    """The questions whose pictures are there; `options` are the further fields of QuestionSet."""
    places: dict[Path, int] = {}
    questions = []
    for row in rows:
        path = media.find(row.image)
        if path is not None:
            questions.append(Question(places.setdefault(path, len(places)), row.text, row.answers, row.kind))
    if not questions:
        raise media.missing("pictures", rows[0].image if rows else "")
    clips = tuple(Clip(path) for path in places)
    return QuestionSet(title, clips, tuple(questions), named=len(rows), **options)  # type: ignore[arg-type]
