"""How much does a retrieval figure depend on which frames are seen? Panda-70M samples, text to video.

    python -m benchmarks.studies.frame_choice [--draws 50]

`benchmarks.published.retrieval panda70m` shows the model 8 frames of each clip, evenly spread; through an index it
sees 2 frames a second, and the predictions of 2 s windows are averaged. Here the frames are those of the index; 8 of
them are drawn at random, one from each eighth of the clip, many times.
"""

from __future__ import annotations

import argparse
from itertools import pairwise

import numpy as np

from benchmarks.datasets import registry
from benchmarks.datasets.shapes import RetrievalSet
from benchmarks.metrics import rank_figures, ranks
from benchmarks.shared.clips import FRAMES
from benchmarks.shared.common import print_table, save_result
from jepa_retrieval.media import Decoded, DecodePool, DecodeRequest, MediaWindow
from jepa_retrieval.models import load_model
from jepa_retrieval.models.parts import Model
from jepa_retrieval.tasks.encoding.windows import WindowEncoder, fit_of, views

HEADINGS = ["recall@1", "recall@5", "recall@10", "mean rank"]


def main() -> None:
    """Draw, rank, print mean, deviation and range."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--draws", type=int, default=50)
    options = parser.parse_args()
    model = load_model(options.model)
    data = registry.load(registry.find("retrieval", "panda70m"), None)
    assert isinstance(data, RetrievalSet)
    captions, owners = model.y_encoder.encode(data.captions), np.array(data.owners)
    windows = _windows(model, data)

    def figures(videos: np.ndarray) -> list[float]:
        found = rank_figures(ranks(captions @ videos.T, owners))
        return [found[name] for name in HEADINGS]

    seen = [_tokens(model, group) for group in windows]  # by file: [frames, 1, D]
    random = np.random.default_rng(0)
    drawn = np.array(
        [figures(_predict(model, [_draw(t, random) for t in seen])) for _ in range(options.draws)]
    )
    every = figures(_predict(model, seen))
    averaged = figures(np.stack([_mean(WindowEncoder(model).encode(group).embeddings) for group in windows]))
    rows = [
        ["8 frames, mean of draws", *drawn.mean(axis=0)],
        ["standard deviation", *drawn.std(axis=0)],
        ["lowest", *drawn.min(axis=0)],
        ["highest", *drawn.max(axis=0)],
        ["every frame, predicted at once", *every],
        ["windows of 2 s, predictions averaged", *averaged],
    ]
    print_table(["", *HEADINGS], [[name, *(f"{value:.1f}" for value in row)] for name, *row in rows])
    result = {
        "model": options.model,
        "fingerprint": model.fingerprint(),
        "draws": options.draws,
        "rows": rows,
    }
    print(save_result("frame_choice", result))


def _windows(model: Model, data: RetrievalSet) -> list[list[MediaWindow]]:
    """The windows of every file, as an index has them."""
    size, count = model.x_encoder.image_size, model.frames_per_window
    asked = {
        DecodeRequest(
            clip.path, image_size=size, fit=fit_of(model), frames_per_window=count, thumbnails=False
        ): row
        for row, clip in enumerate(data.clips)
    }
    found: list[list[MediaWindow]] = [[] for _ in data.clips]
    with DecodePool(2) as pool:
        for event in pool.run(asked):
            if isinstance(event, Decoded):
                found[asked[event.request]] += event.windows
    return found


def _tokens(model: Model, windows: list[MediaWindow]) -> np.ndarray:
    """S_V of every frame as a window's are made, every second one seen in its middle: float32 [frames, N, D]."""
    frames = np.concatenate([views(window, centre=model.x_encoder.centre) for window in windows])
    return model.x_encoder.encode(frames[:, np.newaxis])


def _draw(tokens: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """At most FRAMES of a file's frames, one from each of as many equal parts."""
    edges = np.linspace(0, len(tokens), min(FRAMES, len(tokens)) + 1).astype(int)
    return tokens[[random.integers(low, high) for low, high in pairwise(edges)]]


def _predict(model: Model, tokens: list[np.ndarray]) -> np.ndarray:
    """Ŝ_Y of each file from the mean of its tokens, float32 [files, E]."""
    means = np.stack([part.mean(axis=0) for part in tokens])
    return model.predictor.predict(means, [model.prompt] * len(means))


def _mean(embeddings: np.ndarray) -> np.ndarray:
    total: np.ndarray = embeddings.mean(axis=0)
    return total / np.linalg.norm(total)


if __name__ == "__main__":
    main()
