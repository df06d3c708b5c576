"""Where to cut a stream: the Ward distance that finds the borders of synthetic streams best.

    python -m benchmarks.studies.segment_shift

A synthetic stream is a sequence of scenes; a scene is a Flickr8k photograph (dev split) seen by a camera that
slowly pans and zooms, one crop per window of the stream. Borders are known, so every distance gets precision,
recall and F1. The default in `jepa_retrieval.tasks.encoding.segment` is chosen from this table alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.shared.common import print_table, save_result, shared_data
from benchmarks.shared.moving_pictures import moving_frames
from jepa_retrieval.models import load_model
from jepa_retrieval.models.parts import Model
from jepa_retrieval.tasks.encoding.segment import segment

SHIFTS = np.arange(0.3, 2.01, 0.1)
MAX_WINDOWS = 8  # of a scene: 16 seconds


def main() -> None:
    """Make streams, cut them at every distance, print one row per distance."""
    options = _arguments()
    random = np.random.default_rng(0)
    model = load_model(options.model)
    streams = [_stream(model, scene, random) for scene in _scenes(options, random)]
    table = [[f"{shift:.1f}", *_scores(streams, float(shift))] for shift in SHIFTS]
    print(f"{len(streams)} streams of {options.scenes} scenes, {sum(len(s) for s, _ in streams)} windows")
    print_table(["Ward distance", "precision", "recall", "F1"], table)
    print(save_result("segment_shift", {"model": options.model, "rows": table}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--streams", type=int, default=40)
    parser.add_argument("--scenes", type=int, default=8)
    return parser.parse_args()


def _scenes(options: argparse.Namespace, random: np.random.Generator) -> list[list[Path]]:
    folder = shared_data() / "flickr8k"
    names = (folder / "Flickr_8k.devImages.txt").read_text().split()
    chosen = random.choice(names, size=(options.streams, options.scenes), replace=False)
    return [[folder / "images" / Path(name).with_suffix(".webp") for name in row] for row in chosen]


def _stream(model: Model, scenes: list[Path], random: np.random.Generator) -> tuple[np.ndarray, set[int]]:
    """The embeddings of a synthetic stream, and the windows at which its scenes begin, the first one left out."""
    frames: list[np.ndarray] = []
    borders: set[int] = set()
    for path in scenes:
        borders.add(len(frames))
        frames += moving_frames(
            Image.open(path, formats=["WEBP"]).convert("RGB"),
            size=model.x_encoder.image_size,
            count=int(random.integers(1, MAX_WINDOWS + 1)),
            smallest=0.7,
            random=random,
        )
    tokens = model.x_encoder.encode(np.stack(frames)[:, np.newaxis])
    return model.predictor.predict(tokens, [model.prompt] * len(frames)), borders - {0}


def _scores(streams: list[tuple[np.ndarray, set[int]]], shift: float) -> list[str]:
    found = [{run.start for run in segment(stream, shift=shift)} - {0} for stream, _ in streams]
    hits = sum(len(cut & borders) for cut, (_, borders) in zip(found, streams, strict=True))
    precision = hits / max(sum(map(len, found)), 1)
    recall = hits / sum(len(borders) for _, borders in streams)
    f1 = 2 * precision * recall / max(precision + recall, 1e-9)
    return [f"{value:.3f}" for value in (precision, recall, f1)]


if __name__ == "__main__":
    main()
