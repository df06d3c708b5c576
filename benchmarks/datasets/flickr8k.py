"""Flickr8k (Hodosh et al. 2013): 1,000 photographs of the test or dev split, five captions each.

FOLDER/Flickr8k.token.txt             NAME.jpg#0<TAB>caption
FOLDER/Flickr_8k.testImages.txt       one name a line; also Flickr_8k.devImages.txt
FOLDER/images/NAME.jpg
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.datasets.builders import Captioned, retrieval_set
from benchmarks.datasets.files import MediaFolder, read_lines, require
from benchmarks.datasets.shapes import RetrievalSet

SOURCE = "Flickr8k (Hodosh et al. 2013; Flickr8k_text.zip and Flickr8k_Dataset.zip)"


def parse(captions: Path, names: Path) -> list[Captioned]:
    """The photographs that `names` lists with their captions from `captions`."""
    of_name: dict[str, list[str]] = {}
    for line in read_lines(captions):
        key, _, caption = line.partition("\t")
        of_name.setdefault(key.split("#")[0], []).append(caption)
    return [Captioned(name, of_name[name]) for name in read_lines(names)]


def load(folder: Path, split: str = "test") -> RetrievalSet:
    """The photographs of `split`, "test" or "dev"."""
    captions = require(folder, "Flickr8k.token.txt", source=SOURCE)
    names = require(folder, f"Flickr_8k.{split}Images.txt", source=SOURCE)
    return retrieval_set(f"Flickr8k {split}", parse(captions, names), MediaFolder(folder, source=SOURCE))


def load_dev(folder: Path) -> RetrievalSet:
    """The dev split, on which nano's steps were chosen."""
    return load(folder, "dev")
