"""What each way to make pictures square finds at the edges of long pictures.

    python -m benchmarks.studies.frame_fit [--model nano] [--strips 300]

A strip is three photographs of Flickr8k's test part side by side, 3:1. A caption of one of the three should find the
strip among all strips. "one crop" cuts the middle alone, as CLIP's own preprocessing does; "crop" takes several
squares of a picture that long, and averages their tokens. For video of 16:9 see
`benchmarks.published.retrieval panda70m --frame-fit crop`.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.datasets import registry
from benchmarks.datasets.shapes import RetrievalSet
from benchmarks.metrics import rank_figures, ranks
from benchmarks.shared.common import print_table, save_result
from benchmarks.shared.photographs import predict
from jepa_retrieval.media import DecodeRequest, read_windows
from jepa_retrieval.media.frame_fit import Fit
from jepa_retrieval.models import load_model
from jepa_retrieval.models.parts import Model
from jepa_retrieval.tasks.encoding.windows import WindowEncoder

PLACES = ("left", "middle", "right")
HEADINGS = ["recall@1", "recall@5", "recall@10"]
FITS = {
    "squeeze": Fit("squeeze"),
    "one crop": Fit("crop", single_crop=True),
    "crop": Fit("crop"),
    "pad": Fit("pad"),
}
SIDE = 256  # pixels of each photograph in a strip
BATCH = 16


def main() -> None:
    """Make strips, search them by their captions, print recall by the place of the photograph."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--strips", type=int, default=300)
    options = parser.parse_args()
    model = load_model(options.model)
    data = registry.load(registry.find("retrieval", "flickr8k"), None)
    assert isinstance(data, RetrievalSet)
    chosen = np.random.default_rng(0).permutation(len(data.clips))[: 3 * options.strips].reshape(-1, 3)
    first_caption = {owner: row for row, owner in reversed(list(enumerate(data.owners)))}
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory() as folder:
        strips = [
            _strip([data.clips[row].path for row in three], Path(folder) / f"{number}.png")
            for number, three in enumerate(chosen)
        ]
        for name, fit in FITS.items():
            videos = predict(model, _tokens(model, strips, fit))
            for column, place in enumerate(PLACES):
                captions = [data.captions[first_caption[row]] for row in chosen[:, column]]
                scores = model.y_encoder.encode(captions) @ videos.T
                found = rank_figures(ranks(scores, np.arange(len(strips))))
                rows.append([f"{name}, {place}", *(f"{found[heading]:.1f}" for heading in HEADINGS)])
    print_table([f"{len(strips)} strips", *HEADINGS], rows)
    print(save_result("frame_fit", {"model": options.model, "strips": len(strips), "rows": rows}))


def _strip(paths: Sequence[Path], target: Path) -> Path:
    """Three photographs side by side."""
    strip = Image.new("RGB", (SIDE * len(paths), SIDE))
    for number, path in enumerate(paths):
        with Image.open(path) as picture:
            strip.paste(picture.convert("RGB").resize((SIDE, SIDE)), (SIDE * number, 0))
    strip.save(target)
    return target


def _tokens(model: Model, paths: Sequence[Path], fit: Fit) -> np.ndarray:
    """S_V of the pictures, float32 [pictures, N, D]."""
    windows = [
        next(
            iter(
                read_windows(
                    DecodeRequest(path, image_size=model.x_encoder.image_size, fit=fit, thumbnails=False)
                )
            )
        )
        for path in paths
    ]
    encoder = WindowEncoder(model)
    batches = [windows[start : start + BATCH] for start in range(0, len(windows), BATCH)]
    return np.concatenate([encoder.encode_tokens(batch) for batch in batches])


if __name__ == "__main__":
    main()
