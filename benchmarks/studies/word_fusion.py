"""Does searching in what is said and written cost anything where only pictures were meant, and what does it gain?

    python -m benchmarks.studies.word_fusion [--seed 0]

The index holds the 132 clips of the Panda-70M samples, which have no sound, 66 made videos in which captions of
Flickr8k are said (as subtitles, so that no error of recognition counts), and 66 photographs of Flickr8k onto which
other captions are written: words about the same everyday things. Queries are the clips' captions, and four to six
words of what is said or written. Reported is how often the right file is first: by pictures alone, and by all three
as `jepa search` joins them, for some exponents of the share of words that are found. The exponent is chosen on every
second query, and the others say how good it is. A second index, of Flickr8k's 1,000 test photographs, says what
writing costs there.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.shared.common import print_table, save_result, shared_data, unquoted
from benchmarks.shared.panda70m import FOLDER, panda70m_rows
from jepa_retrieval.library import Library
from jepa_retrieval.tasks.searching import words

MADE = 66  # videos in which something is said, and photographs on which something is written
LINES = 3  # that are said in each made video
WORDS = (4, 6)  # of a query for what is said or written
EXPONENTS = (1, 2, 4, 6, 8)
PICTURES = ["seen"]
PHOTOGRAPH = (640, 360)  # pixels of a photograph with writing
LETTERS = 32  # pixels
CHARACTERS = 30  # of a line of writing

Queries = dict[str, str]  # the right file of each


def main() -> None:
    """Index, search, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--index", type=Path, help="a folder that keeps the indexes for the next time")
    options = parser.parse_args()
    clips = {row["caption"]: str(shared_data() / FOLDER / row["file"]) for row in panda70m_rows()}
    captions = _captions(MADE * (LINES + 1), options.seed)
    said = [captions[at : at + LINES] for at in range(0, MADE * LINES, LINES)]
    written = [[caption] for caption in captions[MADE * LINES :]]
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.index or Path(scratch)
        made = folder / "made"
        library = _library(folder, said, written)
        kinds = {
            "seen": clips,
            "said": _parts(said, [made / f"{n}.mp4" for n in range(MADE)], options.seed),
            "written": _parts(written, [made / f"{n}.png" for n in range(MADE)], options.seed),
        }
        halves = [
            {kind: dict(list(queries.items())[half::2]) for kind, queries in kinds.items()} for half in (0, 1)
        ]
        rows = [
            [label, *_figures(library, halves[half], senses, exponent)]
            for half, name in ((0, "chosen on"), (1, "reported"))
            for label, senses, exponent in (
                (f"{name}: pictures alone", PICTURES, words.STEEPNESS),
                *((f"{name}: all, exponent {exponent}", None, exponent) for exponent in EXPONENTS),
            )
        ]
        print_table(["right file first, %", "seen", "said", "written", "all"], rows)
        photographs = _flickr(folder)
        print_table(["right photograph first, %", "Flickr8k"], photographs)
        print(save_result("word_fusion", {"seed": options.seed, "rows": rows, "flickr8k": photographs}))


def _captions(count: int, seed: int) -> list[str]:
    text = (shared_data() / "flickr8k" / "Flickr8k.token.txt").read_text("utf-8")
    captions = [line.split("\t", 1)[1].strip(" .") for line in text.splitlines() if "#0\t" in line]
    long = [caption for caption in captions if len(caption.split()) >= WORDS[1]]
    return random.Random(seed).sample(long, count)


def _parts(texts: Sequence[Sequence[str]], files: Sequence[Path], seed: int) -> Queries:
    """A part of a line of each file."""
    draw, parts = random.Random(seed + 1), {}
    for lines, file in zip(texts, files, strict=True):
        found = draw.choice(lines).split()
        count = draw.randint(*WORDS)
        at = draw.randint(0, len(found) - count)
        parts[" ".join(found[at : at + count])] = str(file)
    return parts


def _library(folder: Path, said: Sequence[Sequence[str]], written: Sequence[Sequence[str]]) -> Library:
    """The clips, the made videos and the made photographs, indexed with speech and writing."""
    if (folder / "index" / "manifest.json").exists():
        return Library.open(folder / "index")
    made = folder / "made"
    made.mkdir(parents=True, exist_ok=True)
    for number, lines in enumerate(said):
        _make_video(made / f"{number}.mp4", seconds=4 * len(lines), seed=number)
        cues = [
            f"{at + 1}\n00:00:{4 * at:02},000 --> 00:00:{4 * at + 3:02},500\n{line}\n"
            for at, line in enumerate(lines)
        ]
        (made / f"{number}.srt").write_text("\n".join(cues))
    photographs = sorted((shared_data() / "flickr8k").rglob("*.webp"))[: len(written)]
    for number, (lines, photograph) in enumerate(zip(written, photographs, strict=True)):
        _write_on(photograph, lines[0], made / f"{number}.png")
    library = Library.create(folder, index=folder / "index")
    library.index([shared_data() / FOLDER, made], speech=True, writing=True)
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


def _write_on(photograph: Path, text: str, out: Path) -> None:
    """Write a text onto a photograph, in white with a dark edge."""
    picture = Image.open(photograph).convert("RGB").resize(PHOTOGRAPH, Image.Resampling.BICUBIC)
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) > CHARACTERS:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    style = {"font": ImageFont.load_default(LETTERS), "stroke_width": 2, "stroke_fill": "black"}
    ImageDraw.Draw(picture).multiline_text((20, 20), "\n".join(lines), fill="white", spacing=20, **style)  # type: ignore[arg-type]
    picture.save(out)


def _flickr(folder: Path) -> list[list[str]]:
    """How often the right one of the test photographs is first for its first caption, without writing and with it."""
    data = shared_data() / "flickr8k"
    names = (data / "Flickr_8k.testImages.txt").read_text("utf-8").split()
    text = (data / "Flickr8k.token.txt").read_text("utf-8")
    captions = dict(line.split("#0\t", 1) for line in text.splitlines() if "#0\t" in line)
    files = {name: data / "images" / f"{Path(name).stem}.webp" for name in names}
    place = folder / "flickr8k"
    if (place / "manifest.json").exists():
        library = Library.open(place)
    else:
        library = Library.create(data, index=place)
        library.index(list(files.values()), writing=True)
    queries = {captions[name]: str(file) for name, file in files.items()}
    return [
        [label, f"{100 * _first(library, queries, senses):.1f}"]
        for label, senses in (("pictures alone", PICTURES), ("pictures and writing", None))
    ]


def _figures(
    library: Library, kinds: dict[str, Queries], senses: list[str] | None, exponent: int
) -> list[str]:
    """Of each kind of query, and of all together."""
    before, words.STEEPNESS = words.STEEPNESS, exponent
    try:
        right = {kind: _first(library, queries, senses) for kind, queries in kinds.items()}
    finally:
        words.STEEPNESS = before
    total = sum(right[kind] * len(queries) for kind, queries in kinds.items())
    together = total / sum(map(len, kinds.values()))
    return [f"{100 * value:.1f}" for value in (*right.values(), together)]


def _first(library: Library, queries: Queries, senses: list[str] | None) -> float:
    """How often the right file is first."""
    found = library.search_many(list(map(unquoted, queries)), top=5, per_file=True, within=senses)
    hits = [result.hits[0] if result.hits else None for result in found]
    right = [
        hit is not None and library.resolve(hit.path) == Path(file)
        for hit, file in zip(hits, queries.values(), strict=True)
    ]
    return float(np.mean(right))


if __name__ == "__main__":
    main()
