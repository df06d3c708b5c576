"""Does searching in what is said cost anything where nothing of the kind was looked for, and what does it gain?

    python -m benchmarks.studies.speech_fusion [--seed 0]

The index holds the 132 clips of the Panda-70M samples, which have no sound, and as many made videos in which captions
of Flickr8k are said (as subtitles, so that no error of recognition counts): speech about the same everyday things.
Two sets of queries: the clips' captions, where every hit by speech is wrong, and parts of what is said, four to six
words long. Reported is how often the right file is first: by pictures alone, by speech alone, and by both as `jepa
search` joins them, for some exponents of the share of words that are said.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np

from benchmarks.shared.common import print_table, save_result, shared_data
from benchmarks.shared.panda70m import FOLDER, panda70m_rows
from jepa_retrieval.library import Library
from jepa_retrieval.tasks.searching import words

LINES = 3  # that are said in each made video
WORDS = (4, 6)  # of a query for what is said
EXPONENTS = (1, 2, 4, 6, 8)
SENSES = {"pictures": ["seen"], "speech": ["said"], "both": None}


def main() -> None:
    """Index, search, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--index", type=Path, help="a folder that keeps index and made videos for the next time"
    )
    options = parser.parse_args()
    clips = {row["file"]: row["caption"] for row in panda70m_rows()}
    said = _lines(len(clips), options.seed)
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.index or Path(scratch)
        library = _library(folder, said)
        seen_queries = {caption: str(shared_data() / FOLDER / file) for file, caption in clips.items()}
        said_queries = _parts(said, folder, options.seed)
        rows = []
        for exponent in EXPONENTS:
            words.STEEPNESS = exponent
            for name, senses in SENSES.items():
                if name != "both" and exponent != EXPONENTS[0]:
                    continue
                figures = [_first(library, queries, senses) for queries in (seen_queries, said_queries)]
                label = f"both, exponent {exponent}" if name == "both" else f"{name} alone"
                rows.append([label, *(f"{100 * value:.1f}" for value in (*figures, float(np.mean(figures))))])
        print_table(["right file first, %", "captions (seen)", "parts of speech (said)", "all"], rows)
        print(save_result("speech_fusion", {"seed": options.seed, "rows": rows}))


def _lines(count: int, seed: int) -> list[list[str]]:
    """What is said in each made video."""
    text = (shared_data() / "flickr8k" / "Flickr8k.token.txt").read_text("utf-8")
    captions = [line.split("\t", 1)[1].strip(" .") for line in text.splitlines() if "#0\t" in line]
    chosen = random.Random(seed).sample(captions, count * LINES)
    return [chosen[at : at + LINES] for at in range(0, len(chosen), LINES)]


def _parts(said: Sequence[Sequence[str]], folder: Path, seed: int) -> dict[str, str]:
    """A part of a line of each video, and the video's file."""
    draw, parts = random.Random(seed + 1), {}
    for number, lines in enumerate(said):
        words = draw.choice(lines).split()
        count = min(len(words), draw.randint(*WORDS))
        at = draw.randint(0, len(words) - count)
        parts[" ".join(words[at : at + count])] = str(folder / "made" / f"{number}.mp4")
    return parts


def _library(folder: Path, said: Sequence[Sequence[str]]) -> Library:
    """The clips and the made videos, indexed with speech."""
    if (folder / "index" / "manifest.json").exists():
        return Library.open(folder / "index")
    made = folder / "made"
    made.mkdir(exist_ok=True)
    for number, lines in enumerate(said):
        _make_video(made / f"{number}.mp4", seconds=4 * len(lines), seed=number)
        cues = [
            f"{at + 1}\n00:00:{4 * at:02},000 --> 00:00:{4 * at + 3:02},500\n{line}\n"
            for at, line in enumerate(lines)
        ]
        (made / f"{number}.srt").write_text("\n".join(cues))
    library = Library.create(folder, index=folder / "index")
    library.index([shared_data() / FOLDER, made], speech=True)
    return library


def _make_video(path: Path, *, seconds: int, seed: int) -> None:
    """A video of one colour."""
    colour = np.random.default_rng(seed).integers(0, 256, 3, np.uint8)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=1, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(seconds):
            picture = np.broadcast_to(colour, (64, 64, 3)).copy()
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode(None))


def _first(library: Library, queries: dict[str, str], senses: list[str] | None) -> float:
    """How often the right file is first."""
    found = library.search_many(list(queries), top=5, per_file=True, within=senses)
    hits = [result.hits[0] if result.hits else None for result in found]
    right = [
        hit is not None and library.resolve(hit.path) == Path(file)
        for hit, file in zip(hits, queries.values(), strict=True)
    ]
    return float(np.mean(right))


if __name__ == "__main__":
    main()
