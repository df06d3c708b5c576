"""Duplicates and what only means the same: precision and recall of `jepa dedupe` on made pairs.

    python -m benchmarks.studies.duplicate_pictures [--seed 1] [--pictures 60] [--videos 24]

Pictures are frames of the Panda-70M samples and web pictures; each is paired with its re-encoded, resized, cropped,
watermarked and recoloured forms. Pairs that are no duplicates: pages of text in one layout, frames of one scene two
seconds apart, and frames a third of a second apart, as a burst of photographs. Videos are paired with their
re-encoded forms, and their halves with each other. Beside the product: the cosine of embeddings alone, and the
perceptual hash of ImageHash if that is installed. Thresholds were chosen with `--seed 0`.
"""

from __future__ import annotations

import argparse
import io
import random
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.shared.common import print_table, save_result, shared_data, timed
from benchmarks.shared.made_duplicates import (
    MadePair,
    changed_pictures,
    changed_videos,
    first_frames,
    frames,
    pages,
)
from jepa_retrieval.library import Library
from jepa_retrieval.tasks.searching.dedupe import DEFAULT_THRESHOLD
from jepa_retrieval.tasks.searching.same_picture import Picture, same_picture

COSINE = 0.95  # that alone decided before pictures were compared
HASH_DISTANCE = 10  # bits of 64: as ImageHash's documentation suggests for similar pictures
BURSTS = ("davis_clips", "exercise", "sports", "kitchen_clips", "misc_clips", "nature_clips")

Judge = Callable[[MadePair], bool]


def main() -> None:
    """Make the pairs, index the files, judge every pair in every way."""
    options = _arguments()
    tables = {"pictures": _pictures(options), "videos": _videos(options)}
    print(save_result("duplicate_pictures", {**vars(options), **tables}))


def _pictures(options: argparse.Namespace) -> list[list[str]]:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        pairs = list(_picture_pairs(folder, options.pictures, options.seed))
        judges, milliseconds = _judges(_indexed(folder, options.model))
        with timed() as timer:
            verdicts = {name: [judge(pair) for pair in pairs] for name, judge in judges.items()}
        print(
            f"pictures, seed {options.seed}, {len(pairs)} pairs judged in {timer.seconds:.0f} s{milliseconds}"
        )
        return _report(pairs, verdicts)


def _picture_pairs(folder: Path, count: int, seed: int) -> Iterator[MadePair]:
    chance, data = random.Random(seed), shared_data()
    videos = sorted((data / "videos" / "panda70m").glob("*.mp4"))
    web = sorted((data / "captioned" / "cc_web").rglob("*.webp"))
    clips = [clip for name in BURSTS for clip in sorted((data / "captioned" / name).rglob("*.mp4"))]
    for paths in (videos, web, clips):
        chance.shuffle(paths)
    half = count // 2
    pictures = [
        *first_frames(videos[:half]),
        *((path.stem, Image.open(path).convert("RGB")) for path in web[:half]),
    ]
    yield from changed_pictures(pictures, folder, seed)
    yield from pages(folder, 15, seed)
    others = [*videos[half : 2 * half], *clips[:half]]
    yield from frames(others, folder, distance=0.3, kind="burst")
    yield from frames(others, folder, distance=2.0, kind="frames of one scene")


def _videos(options: argparse.Namespace) -> list[list[str]]:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        videos = sorted((shared_data() / "videos" / "panda70m").glob("*.mp4"))
        random.Random(options.seed).shuffle(videos)
        pairs = list(changed_videos(videos[: options.videos], folder))
        library = _indexed(folder, options.model)
        groups = [{file.path for file in group.files} for group in library.duplicates().groups]
        found = [any({pair.first.name, pair.second.name} <= group for group in groups) for pair in pairs]
        print(f"videos, seed {options.seed}, {len(pairs)} pairs")
        # Files of different videos are no duplicates either.
        mixed = sum(len({path[:11] for path in group}) > 1 for group in groups)
        print(f"groups with files of several videos: {mixed} of {len(groups)}")
        return _report(pairs, {"jepa dedupe": found})


def _indexed(folder: Path, model: str) -> Library:
    library = Library.create(folder, model=model)
    report = library.index()
    assert not report.failed, report.failed
    return library


def _judges(library: Library) -> tuple[dict[str, Judge], str]:
    clips = library.records.all_clips()
    ids = [clip.clip_id for clip in clips]
    embeddings = dict(zip((clip.path for clip in clips), library.records.embeddings(ids), strict=True))
    thumbnails = {clip.path: library.thumbnail(clip.clip_id) or b"" for clip in clips}
    pictures = {path: Picture(jpeg) for path, jpeg in thumbnails.items()}

    def cosine(pair: MadePair) -> float:
        return float(embeddings[pair.first.name] @ embeddings[pair.second.name])

    def same(pair: MadePair) -> bool:
        one, other = pictures[pair.first.name], pictures[pair.second.name]
        return cosine(pair) >= DEFAULT_THRESHOLD and same_picture(one, other)

    judges: dict[str, Judge] = {
        f"cosine of {COSINE}": lambda pair: cosine(pair) >= COSINE,
        "jepa dedupe": same,
        "pictures alone": lambda pair: same_picture(pictures[pair.first.name], pictures[pair.second.name]),
    }
    try:
        import imagehash
    except ImportError:
        return judges, "; ImageHash is not installed"
    hashes = {path: imagehash.phash(Image.open(io.BytesIO(jpeg))) for path, jpeg in thumbnails.items()}
    judges["perceptual hash"] = lambda pair: (
        hashes[pair.first.name] - hashes[pair.second.name] <= HASH_DISTANCE
    )
    return judges, ""


def _report(pairs: Sequence[MadePair], verdicts: dict[str, list[bool]]) -> list[list[str]]:
    """Reported pairs of each kind, then precision, with all kinds weighing alike, and recall."""
    kinds: dict[tuple[bool, str], list[int]] = defaultdict(list)
    for number, pair in enumerate(pairs):
        kinds[not pair.same, pair.kind].append(number)
    rows = [
        [kind, "no" if other else "yes", str(len(numbers))]
        + [str(sum(found[number] for number in numbers)) for found in verdicts.values()]
        for (other, kind), numbers in sorted(kinds.items())
    ]
    precision, recall = [], []
    for found in verdicts.values():
        shares = {key: np.mean([found[number] for number in numbers]) for key, numbers in kinds.items()}
        right = float(np.mean([share for (other, _), share in shares.items() if not other]))
        wrong = float(np.mean([share for (other, _), share in shares.items() if other]))
        precision.append(f"{right / (right + wrong):.3f}" if right + wrong else "-")
        recall.append(f"{right:.3f}")
    rows += [["precision", "", "", *precision], ["recall", "", "", *recall]]
    print_table(["pair", "duplicates", "number", *(f"reported: {name}" for name in verdicts)], rows)
    return rows


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pictures", type=int, default=60, help="how many are changed")
    parser.add_argument("--videos", type=int, default=24, help="how many are changed")
    return parser.parse_args()


if __name__ == "__main__":
    main()
