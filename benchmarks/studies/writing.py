"""How much of what is written in pictures is read, and how often is a written word found?

    python -m benchmarks.studies.writing [--frames 200] [--seed 0]

Words of Flickr8k's captions are drawn onto its photographs, each word in one frame only: three lines a frame, in the
fonts that come with Matplotlib and Pillow, 16 to 64 pixels high, turned by up to 15 degrees, some blurred, in colours
that differ from what is behind them. Reported is the share of words that `jepa index --writing` stores, beside
RapidOCR alone with its own defaults on the same files, and the share that `jepa search` finds: the first hit of the
word is its frame.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from benchmarks.shared.common import print_table, save_result, shared_data
from jepa_retrieval.library import Library
from jepa_retrieval.tasks.searching.words import folded

SIZE = (640, 360)  # of a frame, pixels
LINES = 3  # in a frame
HEIGHTS = (16, 64)  # of letters, pixels
MAX_TURN = 15.0  # degrees
MIN_CONTRAST = 80  # brightness levels between a line and the mean of what is behind it
BANDS = ((16, 19), (20, 31), (32, 47), (48, 64))
FONTS = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSerif",
    "DejaVuSerif-Italic",
    "DejaVuSansMono",
    "STIXGeneral",
)


@dataclass(frozen=True, slots=True)
class Written:
    """A word that was drawn."""

    word: str
    file: Path
    height: int  # of its letters, pixels


def main() -> None:
    """Draw, index, search, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        words = draw_frames(folder, options.frames, options.seed)
        library = Library.create(folder)
        library.index()
        began = time.perf_counter()
        library.index(writing=True)
        ours_seconds = time.perf_counter() - began
        began = time.perf_counter()
        alone = _read_alone(sorted({one.file for one in words}))
        alone_seconds = time.perf_counter() - began
        ours = _stored(library)
        found = _found(library, words)
        rows = []
        for low, high in (*BANDS, (20, 64), HEIGHTS):
            chosen = [n for n, one in enumerate(words) if low <= one.height <= high]
            shares = [
                np.mean([words[n].word in texts.get(words[n].file.name, ()) for n in chosen])
                for texts in (ours, alone)
            ]
            shares.append(np.mean([found[n] for n in chosen]))
            rows.append([f"{low}-{high} px", str(len(chosen)), *(f"{100 * share:.1f}" for share in shares)])
    print_table(["letters", "words", "read, %", "rapidocr alone, %", "found first, %"], rows)
    seconds = {"ours": ours_seconds, "alone": alone_seconds}
    print(f"seconds for all frames, with start: {ours_seconds:.1f}, rapidocr alone {alone_seconds:.1f}")
    print(
        save_result(
            "writing", {"frames": options.frames, "seed": options.seed, "rows": rows, "seconds": seconds}
        )
    )


def draw_frames(folder: Path, count: int, seed: int) -> list[Written]:
    """Write frames into a folder; returns the words in them."""
    draw = random.Random(seed)
    words = draw.sample(_vocabulary(), 2 * LINES * count)
    photographs = sorted((shared_data() / "flickr8k").rglob("*.webp"))
    drawn: list[Written] = []
    for number, photograph in enumerate(draw.sample(photographs, count)):
        frame = Image.open(photograph).convert("RGB").resize(SIZE, Image.Resampling.BICUBIC)
        file = folder / f"{number:03}.png"
        for line in range(LINES):
            height = draw.randint(*HEIGHTS)
            texts = [words.pop() for _ in range(2 if height < 40 else 1)]
            _draw_line(frame, " ".join(texts), line, height, draw)
            drawn += [Written(text, file, height) for text in texts]
        frame.save(file)
    return drawn


def _vocabulary() -> list[str]:
    """Words of captions, 4 to 9 letters, of which none is an inflection of another."""
    text = (shared_data() / "flickr8k" / "Flickr8k.token.txt").read_text("utf-8").lower()
    words = sorted(
        {word for word in text.split() if word.isascii() and word.isalpha() and 4 <= len(word) <= 9}
    )
    return list({word[:4]: word for word in words}.values())


def _draw_line(frame: Image.Image, text: str, line: int, height: int, draw: random.Random) -> None:
    """Draw a text into its third of the frame."""
    name = draw.choice((*FONTS, ""))
    font = _font(name, height)
    shown = draw.choice((text, text.title(), text.upper()))
    box = font.getbbox(shown)
    mask = Image.new("L", (int(box[2]) + 16, int(box[3]) + 16))
    ImageDraw.Draw(mask).text((8, 8), shown, fill=255, font=font)
    mask = mask.rotate(draw.uniform(-MAX_TURN, MAX_TURN), Image.Resampling.BICUBIC, expand=True)
    if draw.random() < 0.5:
        mask = mask.filter(ImageFilter.GaussianBlur(draw.uniform(0.3, 1.2) * height / 32))
    third = SIZE[1] // LINES
    if mask.width > SIZE[0] or mask.height > third:
        scale = min(SIZE[0] / mask.width, third / mask.height)
        mask = mask.resize((int(mask.width * scale), int(mask.height * scale)), Image.Resampling.BICUBIC)
    place = (
        draw.randint(0, SIZE[0] - mask.width),
        line * third + draw.randint(0, third - mask.height),
    )
    behind = np.asarray(frame.crop((*place, place[0] + mask.width, place[1] + mask.height)).convert("L"))
    while True:
        colour = (draw.randrange(256), draw.randrange(256), draw.randrange(256))
        brightness = float(np.dot(colour, (0.299, 0.587, 0.114)))
        if abs(brightness - float(behind.mean())) >= MIN_CONTRAST:
            break
    frame.paste(colour, place, mask)


def _font(name: str, height: int) -> ImageFont.FreeTypeFont:
    if not name:
        default = ImageFont.load_default(height)
        assert isinstance(default, ImageFont.FreeTypeFont)
        return default
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf"), height)


def _read_alone(files: Sequence[Path]) -> dict[str, set[str]]:
    """The words that RapidOCR reads in each file."""
    from rapidocr import RapidOCR

    reader = RapidOCR(params={"Global.log_level": "error"})
    read = {}
    for file in files:
        found: Any = reader(file)
        read[file.name] = {word for text in found.txts or () for word in folded(text)}
    return read


def _stored(library: Library) -> dict[str, set[str]]:
    """The words that are stored of each file."""
    batches = library.records.iter_clips(columns=["path", "written"])
    rows = (row for batch in batches for row in batch.to_pylist())
    return {row["path"]: set(folded(row["written"])) for row in rows}


def _found(library: Library, words: Sequence[Written]) -> list[bool]:
    """Whether the first hit for each word is its frame."""
    results = library.search_many([one.word for one in words], top=3)
    firsts = (result.hits[0].path if result.hits else None for result in results)
    return [first == one.file.name for first, one in zip(firsts, words, strict=True)]


if __name__ == "__main__":
    main()
