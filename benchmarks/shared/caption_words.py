"""What a Flickr8k photograph shows, according to its captions: words for a few things, and where they occur."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

# How people who write captions name a thing. Chosen on the training captions.
WORDS = {
    "dog": "dog dogs puppy puppies poodle retriever greyhound greyhounds terrier",
    "person": "person people man men woman women boy boys girl girls child children kid kids lady ladies guy guys "
    "baby toddler crowd player players someone he she his her they biker bikers cyclist skier snowboarder "
    "skateboarder surfer climber runner hiker hikers couple family team adult adults teenager teenagers swimmer",
    "snow": "snow snowy",
    "water": "water lake river ocean sea pool pond stream surf wave waves",
    "beach": "beach sand sandy shore",
    "grass": "grass grassy lawn field meadow",
    "ball": "ball balls football soccer basketball baseball tennis frisbee",
    "bicycle": "bike bikes bicycle bicycles biker bikers bmx cyclist cyclists",
    "street": "street road sidewalk city",
    "mountain": "rock rocks cliff mountain mountains boulder",
    "skateboard": "skateboard skateboarder skateboarding skateboards",
    "child": "child children boy boys girl girls kid kids toddler baby",
    "woman": "woman women lady ladies girl girls",
    "man": "man men guy guys",
}


def mentions(captions: Sequence[Sequence[str]], words: str) -> np.ndarray:
    """How many captions of each photograph have one of the words; int [photographs]."""
    wanted = set(words.split())
    return np.array(
        [sum(bool(wanted & set(re.findall("[a-z]+", text.lower()))) for text in group) for group in captions]
    )


def read_split(folder: Path, split: str) -> tuple[list[str], list[list[str]]]:
    """File stems of the photographs of a split of Flickr8k, and the captions of each."""
    captions: dict[str, list[str]] = {}
    for line in (folder / "Flickr8k.token.txt").read_text(encoding="utf-8").splitlines():
        key, caption = line.split("\t")
        captions.setdefault(Path(key.split("#")[0]).stem, []).append(caption)
    listed = (folder / f"Flickr_8k.{split}Images.txt").read_text(encoding="utf-8").split()
    names = [Path(name).stem for name in listed]
    return names, [captions[name] for name in names]
