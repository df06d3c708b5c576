"""Does a search report that nothing matches when the thing is not in the library?

    python -m benchmarks.studies.abstention [--model nano] [--index DIR]

The library: the photographs of Flickr8k's test split and the Panda-70M videos. A file shows a thing, such as a dog,
if its captions name it. Each thing is searched for twice: in the library without any file that shows it, where no
hit is right; and in the whole library, where the first hit is right if most of its captions name the thing. A
second set uses Panda-70M alone: each video's caption, in the library without the video's category, and in the whole
library.

Reported: at the confidence that keeps 90% of the right first hits, how many of the queries for what is absent
find nothing; the same at the fixed confidence of 0.5; and the same for the raw score, for which no single
threshold works.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.shared.caption_words import WORDS, mentions, read_split
from benchmarks.shared.common import print_table, save_result, shared_data, unquoted
from benchmarks.shared.panda70m import panda70m_library, panda70m_rows
from benchmarks.shared.photographs import encode_photographs, predict
from indexes.records import ClipRecord, MediaRecord
from jepa_retrieval.library import Library
from jepa_retrieval.models import load_model
from jepa_retrieval.tasks.searching.search import Moment

KEEP = 0.9
FIXED = 0.5
PHRASES = ("{}", "a photo of {}", "{} in a video")

# The words of captions for a thing, and the query. Things that no file or nearly every file shows are no test.
THINGS = {
    "a dog": WORDS["dog"],
    "snow": WORDS["snow"] + " ski skiing skier snowboard snowboarder snowboarding ice sled",
    "a beach": WORDS["beach"] + " ocean sea",
    "a bicycle": WORDS["bicycle"],
    "a skateboard": WORDS["skateboard"],
    "a horse": "horse horses pony rodeo jockey bull",
    "a motorcycle": "motorcycle motorcycles motorbike motorcyclist dirtbike dirt bike biker bikers bikes",
    "a car": "car cars vehicle jeep truck trucks automobile suv porsche taxi race racing",
    "a boat": "boat boats canoe kayak kayaker raft rafting sailboat yacht ship canoes kayaking kayaks",
    "a swimming pool": "pool swimming swimmer swim swims pools",
    "football players": "football soccer",
    "a basketball": "basketball",
    "tennis": "tennis",
    "a guitar": "guitar guitarist band music musician",
    "a bird": "bird birds duck ducks pigeons seagull goose geese swan parrot",
    "food being cooked": "food cooking cook chef kitchen pan pot soup meat frying grill grilling dish meal pizza "
    "cake baking eating eat plate bowl",
    "a climber on a rock": "climb climbing climber climbs climbers",
    "a swing": "swing swinging swings",
    "a fountain": "fountain fountains sprinkler",
    "a microphone": "microphone microphones singing singer sings",
}


class Item(NamedTuple):
    """One file of the library."""

    path: str
    clips: list[ClipRecord]
    captions: list[str]
    category: str  # Panda-70M's; "" for photographs


class Answer(NamedTuple):
    """The outcome of one query."""

    first: Moment | None
    right: bool  # the first hit is right
    absent: bool  # nothing in the library matches


def main() -> None:
    """Make the libraries, search, print how much is kept and how much is refused."""
    options = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        videos = _panda(options.model, options.index)
        photographs = _flickr(options.model)
        answers = {
            "things": _things(Path(folder) / "things", [*photographs, *videos], options.model),
            "Panda-70M captions": _captions(Path(folder) / "captions", videos, options.model),
        }
    rows, figures = [], dict[str, object]()
    for name, found in answers.items():
        for measure, value in (("confidence", _confidence), ("score", _score)):
            right, refused, threshold = _at_kept(found, value)
            rows.append([name, measure, right, f"{threshold:.3f}", f"{100 * refused:.1f}"])
            figures[f"{name}, {measure}: absent refused at 90% kept"] = 100 * refused
        kept, refused = _at_fixed(found)
        rows.append(
            [name, f"confidence of {FIXED:g}", f"{100 * kept:.1f}% kept", FIXED, f"{100 * refused:.1f}"]
        )
    print_table(["queries", "threshold on", "right first hits", "threshold", "absent refused %"], rows)
    print(save_result("abstention", {"model": options.model, **figures}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--index", type=Path, help="folder of the index of Panda-70M; it is kept there")
    return parser.parse_args()


def _panda(model: str, index: Path | None) -> list[Item]:
    items = []
    with panda70m_library(model, index) as library:
        for row in panda70m_rows():
            clips = library.records.clips_of(row["file"])
            vectors = library.records.embeddings([clip.clip_id for clip in clips])
            records = [ClipRecord(clip.start, clip.end, v) for clip, v in zip(clips, vectors, strict=True)]
            items.append(Item(row["file"], records, [row["caption"]], row["category"]))
    return items


def _flickr(model_name: str) -> list[Item]:
    model = load_model(model_name)
    folder = shared_data() / "flickr8k"
    names, captions = read_split(folder, "test")
    vectors = predict(model, encode_photographs(model, [folder / "images" / f"{n}.webp" for n in names]))
    return [
        Item(name, [ClipRecord(None, None, vector)], texts, "")
        for name, vector, texts in zip(names, vectors, captions, strict=True)
    ]


def _library(folder: Path, items: Sequence[Item], model: str) -> Library:
    library = Library.create(folder, model=model)
    with library.records.writer() as writer:
        for item in items:
            writer.put(MediaRecord(item.path, 1, 1, kind="video" if item.category else "image"), item.clips)
    library.calibrate()
    return library


def _things(folder: Path, items: list[Item], model: str) -> list[Answer]:
    captions = [item.captions for item in items]
    whole = _library(folder / "whole", items, model)
    answers = []
    for number, (thing, words) in enumerate(THINGS.items()):
        share = mentions(captions, words) / np.array([len(texts) for texts in captions])
        most = {item.path for item, part in zip(items, share, strict=True) if part >= 0.4}
        rest = [item for item, part in zip(items, share, strict=True) if part == 0]
        without = _library(folder / str(number), rest, model)
        for phrase in PHRASES:
            answers.append(Answer(_first(without, phrase.format(thing)), right=False, absent=True))
            first = _first(whole, phrase.format(thing))
            answers.append(Answer(first, right=first is not None and first.path in most, absent=False))
    return answers


def _captions(folder: Path, items: list[Item], model: str) -> list[Answer]:
    whole = _library(folder / "whole", items, model)
    answers = []
    for number, category in enumerate(sorted({item.category for item in items})):
        rest = [item for item in items if item.category != category]
        without = _library(folder / str(number), rest, model)
        for item in items:
            if item.category == category:
                answers.append(Answer(_first(without, item.captions[0]), right=False, absent=True))
                first = _first(whole, item.captions[0])
                answers.append(
                    Answer(first, right=first is not None and first.path == item.path, absent=False)
                )
    return answers


def _first(library: Library, text: str) -> Moment | None:
    hits = library.search(unquoted(text), top=1).hits
    return hits[0] if hits else None


def _confidence(moment: Moment) -> float:
    assert moment.confidence is not None
    return moment.confidence


def _score(moment: Moment) -> float:
    return moment.score


def _at_kept(answers: Sequence[Answer], value: Callable[[Moment], float]) -> tuple[int, float, float]:
    """Right first hits, the share of absent queries refused, and the threshold that keeps 90% of the right ones."""
    right = [value(answer.first) for answer in answers if answer.right and answer.first]
    absent = [value(answer.first) for answer in answers if answer.absent and answer.first]
    threshold = float(np.quantile(right, 1 - KEEP))
    return len(right), float(np.mean(np.array(absent) < threshold)), threshold


def _at_fixed(answers: Sequence[Answer]) -> tuple[float, float]:
    right = np.array([_confidence(answer.first) for answer in answers if answer.right and answer.first])
    absent = np.array([_confidence(answer.first) for answer in answers if answer.absent and answer.first])
    return float((right >= FIXED).mean()), float((absent < FIXED).mean())


if __name__ == "__main__":
    main()
