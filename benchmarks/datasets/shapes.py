"""The few forms that every data set is read into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Self

import numpy as np


@dataclass(frozen=True, slots=True)
class Clip:
    """A picture, a video, or a part of one."""

    path: Path
    start: float | None = None  # seconds; None: from the beginning
    end: float | None = None  # seconds; None: to the end


def spread(count: int, limit: int | None) -> list[int]:
    """`limit` of the rows 0..count-1, evenly spread: sets are often sorted by class."""
    if limit is None or limit >= count:
        return list(range(count))
    return [int(row) for row in np.linspace(0, count - 1, limit).round()]


@dataclass(frozen=True)
class RetrievalSet:
    """Clips and captions that belong together: text to video and video to text."""

    title: str
    clips: tuple[Clip, ...]  # the pool
    captions: tuple[str, ...]
    owners: tuple[int, ...]  # for each caption, the row of its clip
    named: int  # clips that the annotations name; files of some may be missing
    subsets: Mapping[str, frozenset[int]] = field(default_factory=dict)  # rows of smaller pools, by name

    def limited(self, limit: int | None) -> Self:
        """At most `limit` clips with their captions."""
        if limit is None or limit >= len(self.clips):
            return self
        rows = {row: new for new, row in enumerate(spread(len(self.clips), limit))}
        kept = [
            (text, rows[owner])
            for text, owner in zip(self.captions, self.owners, strict=True)
            if owner in rows
        ]
        return replace(
            self,
            clips=tuple(self.clips[row] for row in rows),
            captions=tuple(text for text, _ in kept),
            owners=tuple(owner for _, owner in kept),
            subsets={
                name: frozenset(rows[row] for row in chosen if row in rows)
                for name, chosen in self.subsets.items()
            },
        )


@dataclass(frozen=True)
class ClassificationSet:
    """Clips with one right class each."""

    title: str
    clips: tuple[Clip, ...]
    labels: tuple[int, ...]  # row of `classes` for each clip
    classes: tuple[str, ...]  # label texts
    named: int
    templates: tuple[str, ...] = ("{}",)  # `{}` is the label; several are averaged
    subsets: Mapping[str, frozenset[int]] = field(default_factory=dict)

    def limited(self, limit: int | None) -> Self:
        """At most `limit` clips; the classes stay."""
        rows = spread(len(self.clips), limit)
        new = {row: place for place, row in enumerate(rows)}
        return replace(
            self,
            clips=tuple(self.clips[row] for row in rows),
            labels=tuple(self.labels[row] for row in rows),
            subsets={
                name: frozenset(new[row] for row in chosen if row in new)
                for name, chosen in self.subsets.items()
            },
        )


@dataclass(frozen=True, slots=True)
class Question:
    """A question about one clip."""

    clip: int  # row of QuestionSet.clips
    text: str
    answers: tuple[str, ...]  # one, or those of several people
    kind: str = ""  # accuracy is also reported by kind


Scoring = Literal["exact", "vqa", "yes/no"]


@dataclass(frozen=True)
class QuestionSet:
    """Questions whose answer is the nearest of given candidates."""

    title: str
    clips: tuple[Clip, ...]
    questions: tuple[Question, ...]
    candidates: tuple[str, ...]
    named: int  # questions in the annotations
    scoring: Scoring = "exact"
    known: tuple[tuple[str, str], ...] = ()  # (kind, answer) of the training part: what guessing may know
    note: str = ""  # what was left out, where the candidates come from

    def limited(self, limit: int | None) -> Self:
        """At most `limit` questions."""
        return replace(
            self, questions=tuple(self.questions[row] for row in spread(len(self.questions), limit))
        )


@dataclass(frozen=True, slots=True)
class Triplet:
    """Two texts that mean the same and one that does not."""

    first: str
    second: str
    negative: str
    subset: str


@dataclass(frozen=True)
class TripletSet:
    """Hard negatives for a text encoder."""

    title: str
    triplets: tuple[Triplet, ...]

    def limited(self, limit: int | None) -> Self:
        """At most `limit` triplets."""
        return replace(self, triplets=tuple(self.triplets[row] for row in spread(len(self.triplets), limit)))


@dataclass(frozen=True, slots=True)
class StateChange:
    """An initial and a final state, and actions of which one leads from one to the other."""

    initial: Clip
    final: Clip
    actions: tuple[Clip, ...]
    answer: int  # row of `actions`


@dataclass(frozen=True)
class StateChangeSet:
    """Inverse dynamics: which action leads from the first state to the last."""

    title: str
    changes: tuple[StateChange, ...]
    named: int

    def limited(self, limit: int | None) -> Self:
        """At most `limit` of them."""
        return replace(self, changes=tuple(self.changes[row] for row in spread(len(self.changes), limit)))


@dataclass(frozen=True, slots=True)
class PlanQuestion:
    """An initial and a final state, and sequences of actions of which one leads from one to the other."""

    initial: Clip
    final: Clip
    candidates: tuple[tuple[Clip, ...], ...]
    answer: int  # row of `candidates`
    group: int = 0  # of questions that are asked again in another way: the seed


@dataclass(frozen=True)
class PlanSet:
    """Planning: which sequence of actions leads from the first state to the last."""

    title: str
    questions: tuple[PlanQuestion, ...]
    named: int

    def limited(self, limit: int | None) -> Self:
        """At most `limit` of them."""
        return replace(
            self, questions=tuple(self.questions[row] for row in spread(len(self.questions), limit))
        )


@dataclass(frozen=True, slots=True)
class Future:
    """What is seen before an action begins, and the action."""

    context: Clip
    label: int  # row of AnticipationSet.classes
    horizon: str  # how far away the action is: "1 s"


@dataclass(frozen=True)
class AnticipationSet:
    """Which action comes next."""

    title: str
    futures: tuple[Future, ...]
    classes: tuple[str, ...]
    named: int

    def limited(self, limit: int | None) -> Self:
        """At most `limit` of them, of all horizons together."""
        return replace(self, futures=tuple(self.futures[row] for row in spread(len(self.futures), limit)))


@dataclass(frozen=True)
class FutureSet:
    """Videos without labels: what comes next is in them."""

    title: str
    training: tuple[Path, ...]
    tests: tuple[Path, ...]

    def limited(self, limit: int | None) -> Self:
        """At most `limit` test videos."""
        return replace(self, tests=tuple(self.tests[row] for row in spread(len(self.tests), limit)))


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens in a video; `start` and `end` are equal where only a moment is annotated."""

    start: float  # seconds
    end: float
    text: str

    @property
    def middle(self) -> float:
        """Seconds."""
        return (self.start + self.end) / 2


@dataclass(frozen=True, slots=True)
class TimedVideo:
    """A video and what happens in it, in order of time."""

    path: Path
    events: tuple[Event, ...]


@dataclass(frozen=True)
class TimedSet:
    """Videos with timed events, for selective decoding."""

    title: str
    videos: tuple[TimedVideo, ...]
    named: int

    def limited(self, limit: int | None) -> Self:
        """At most `limit` videos."""
        return replace(self, videos=tuple(self.videos[row] for row in spread(len(self.videos), limit)))


@dataclass(frozen=True, slots=True)
class LabelledVideo:
    """A video, and which of its frames are abnormal."""

    path: Path
    abnormal: tuple[tuple[int, int], ...]  # first and last frame of each interval, from 0, inclusive


@dataclass(frozen=True)
class AnomalySet:
    """Videos of one scene: normal ones to learn from, and others in which something abnormal happens."""

    title: str
    training: tuple[Path, ...]
    tests: tuple[LabelledVideo, ...]
    frame_rate: float  # frames per second
    named: int

    def limited(self, limit: int | None) -> Self:
        """At most `limit` test videos; the training videos stay."""
        return replace(self, tests=tuple(self.tests[row] for row in spread(len(self.tests), limit)))


@dataclass(frozen=True, slots=True)
class PhysicsPair:
    """Two videos that agree but for what is impossible in one."""

    possible: Path
    impossible: Path
    kind: str  # of event


@dataclass(frozen=True)
class PhysicsSet:
    """Which video of a pair is impossible?"""

    title: str
    pairs: tuple[PhysicsPair, ...]
    named: int

    def limited(self, limit: int | None) -> Self:
        """At most `limit` pairs."""
        return replace(self, pairs=tuple(self.pairs[row] for row in spread(len(self.pairs), limit)))


@dataclass(frozen=True, slots=True)
class GeneratedPair:
    """A pair that the benchmark makes."""

    kind: str  # of event
    seed: int


@dataclass(frozen=True)
class GeneratedWorlds:
    """Which video of a made pair is impossible?"""

    title: str
    pairs: tuple[GeneratedPair, ...]

    def limited(self, limit: int | None) -> Self:
        """At most `limit` pairs, of all kinds as evenly as they come."""
        return replace(self, pairs=self.pairs[:limit])


DataSet = (
    RetrievalSet
    | ClassificationSet
    | QuestionSet
    | TripletSet
    | StateChangeSet
    | PlanSet
    | AnticipationSet
    | FutureSet
    | TimedSet
    | AnomalySet
    | PhysicsSet
    | GeneratedWorlds
)
