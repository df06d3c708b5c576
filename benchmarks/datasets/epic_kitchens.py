"""EPIC-KITCHENS-100 (Damen et al. 2022), validation split: recognition and anticipation of actions.

FOLDER/EPIC_100_validation.csv                            narration_id, video_id, start_timestamp, ...
FOLDER/EPIC_100_verb_classes.csv, EPIC_100_noun_classes.csv    id, key, instances, category
FOLDER/.../P01_11.MP4                                     whole videos
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

from benchmarks.datasets.builders import Labelled, classification_set
from benchmarks.datasets.files import MediaFolder, clock, read_table, require
from benchmarks.datasets.shapes import AnticipationSet, ClassificationSet, Clip, Future

SOURCE = "github.com/epic-kitchens/epic-kitchens-100-annotations and epic-kitchens.github.io (videos)"
HORIZONS = (1.0, 2.0, 4.0, 10.0)  # seconds from the end of the context to the start of the action
CONTEXT = 4.0  # seconds that the model sees before; the paper does not state its own

Target = Literal["action", "verb", "noun"]


class Action(NamedTuple):
    """A segment of a video with the class of its verb and noun."""

    video: str
    start: float  # seconds
    end: float
    verb: int
    noun: int


def parse_actions(path: Path) -> list[Action]:
    """Every annotated segment."""
    rows = read_table(path, ("video_id", "start_timestamp", "stop_timestamp", "verb_class", "noun_class"))
    return [
        Action(
            row["video_id"],
            clock(row["start_timestamp"]),
            clock(row["stop_timestamp"]),
            int(row["verb_class"]),
            int(row["noun_class"]),
        )
        for row in rows
    ]


def parse_classes(path: Path) -> dict[int, str]:
    """Names of verb or noun classes as words: `put-down` is "put down", `board:chopping` "chopping board"."""
    return {int(row["id"]): _words(row["key"]) for row in read_table(path, ("id", "key"))}


def _words(key: str) -> str:
    return " ".join(reversed(key.split(":"))).replace("-", " ")


class Annotations(NamedTuple):
    """What the three files hold."""

    actions: list[Action]
    verbs: dict[int, str]
    nouns: dict[int, str]

    def text(self, action: Action, target: Target) -> str:
        """The label of an action."""
        verb, noun = self.verbs[action.verb], self.nouns[action.noun]
        return {"action": f"{verb} {noun}", "verb": verb, "noun": noun}[target]

    def classes(self, target: Target) -> list[str]:
        """All labels; of actions, those that the file knows (97 x 300 pairs mostly make no sense)."""
        if target == "verb":
            return list(self.verbs.values())
        if target == "noun":
            return list(self.nouns.values())
        return sorted({self.text(action, "action") for action in self.actions})


def read(folder: Path) -> Annotations:
    """Read the three files."""
    return Annotations(
        parse_actions(require(folder, "EPIC_100_validation.csv", source=SOURCE)),
        parse_classes(require(folder, "EPIC_100_verb_classes.csv", source=SOURCE)),
        parse_classes(require(folder, "EPIC_100_noun_classes.csv", source=SOURCE)),
    )


def load(folder: Path, target: Target = "action") -> ClassificationSet:
    """9,668 segments; candidates are the actions of the validation split, or all verbs or nouns."""
    data = read(folder)
    rows = [Labelled(a.video, data.text(a, target), a.start, a.end) for a in data.actions]
    return classification_set(
        f"EPIC-KITCHENS-100 val, {target}s",
        rows,
        MediaFolder(folder, source=SOURCE),
        classes=data.classes(target),
    )


load_verbs = partial(load, target="verb")
load_nouns = partial(load, target="noun")


def load_anticipation(folder: Path) -> AnticipationSet:
    """For every action and horizon, the context that ends so long before it; actions too early have none."""
    data = read(folder)
    media = MediaFolder(folder, source=SOURCE)
    classes = data.classes("action")
    number = {text: row for row, text in enumerate(classes)}
    futures = []
    for horizon in HORIZONS:
        for action in data.actions:
            end = action.start - horizon
            path = media.find(action.video)
            if path is not None and end > 0:
                context = Clip(path, max(0.0, end - CONTEXT), end)
                futures.append(Future(context, number[data.text(action, "action")], f"{horizon:g} s"))
    if not futures:
        raise media.missing("videos", data.actions[0].video)
    named = len(data.actions) * len(HORIZONS)
    return AnticipationSet("EPIC-KITCHENS-100 anticipation", tuple(futures), tuple(classes), named)
