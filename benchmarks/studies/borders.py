"""Are the borders of joined videos found, given their number, and given one threshold for all?

    python -m benchmarks.studies.borders [--cache FOLDER]

The streams have two windows a second; a found border counts if it lies within a second of the true one.
Thresholds are never chosen on these videos, but on synthetic streams: sequences of scenes, each a Flickr8k photograph
(dev split) seen for 2 to 12 seconds by a camera that slowly pans and zooms. Of all thresholds that are best there,
the middle one is taken. For comparison, each video is also cut with the threshold that is best for the six others
(leave one out).

Two methods of cutting: Ward clustering of the whole stream, and the local variance that `jepa watch` follows.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.shared.common import print_table, save_result, shared_data
from benchmarks.shared.long_timed import hits, read_events, read_streams, true_borders
from benchmarks.shared.moving_pictures import moving_frames
from jepa_retrieval.models import load_model
from jepa_retrieval.models.fingerprint import fingerprint_of_x_encoder
from jepa_retrieval.models.runtime.model import RuntimeModel
from jepa_retrieval.tasks.encoding.segment import DEFAULT_SHIFT, segment
from jepa_retrieval.tasks.watching.shifts import DEFAULT_THRESHOLD, ShiftDetector, ShiftOptions

RATE = 2.0  # windows per second
SHIFTS = np.geomspace(0.4, 3.0, 30)
VARIANCES = np.geomspace(0.03, 0.4, 30)
SCENE_SECONDS = (2.0, 12.0)

Streams = Sequence[tuple[np.ndarray, list[float]]]  # embeddings [W, E], and where scenes begin, seconds
Cut = Callable[[np.ndarray, float], list[float]]


def main() -> None:
    """Choose thresholds on synthetic streams, cut the joined videos, print one table."""
    options = _arguments()
    model = load_model(options.model)
    synthetic = _synthetic_streams(model, options)
    events = read_events()
    real = [
        (stream.embeddings, true_borders(stream.video, events))
        for stream in read_streams(model, options.cache, rate=RATE)
        if stream.joined
    ]
    given = _score([(_ward_count(e, len(true) + 1), true) for e, true in real])
    rows = [_row("Ward, number of borders given", "", given)]
    result: dict[str, object] = {"model": options.model, "given": given}
    for name, cut, thresholds, default in (
        ("Ward", _ward, SHIFTS, DEFAULT_SHIFT),
        ("local variance", _variance, VARIANCES, DEFAULT_THRESHOLD),
    ):
        on_synthetic = _f1_of(synthetic, cut, thresholds)
        chosen = _middle_of_best(thresholds, on_synthetic)
        held_out = [_held_out(real, cut, thresholds, left) for left in range(len(real))]
        scores = {
            "chosen on synthetic streams": _score(_cut_all(real, cut, chosen)),
            "the default": _score(_cut_all(real, cut, default)),
            "chosen on the other six": _score(held_out),
        }
        labels = (f"{chosen:.3f}", f"{default:.3f}", "")
        for (how, score), label in zip(scores.items(), labels, strict=True):
            rows.append(_row(f"{name}, threshold {how}", label, score))
        result[name] = {
            "chosen": chosen,
            "f1_on_synthetic": dict(zip(map(float, thresholds), on_synthetic, strict=True)),
            **scores,
        }
    print_table(["cut", "threshold", "precision", "recall", "F1"], rows)
    print(save_result("borders", result))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--cache", type=Path, default=Path("results/cache/long_timed"))
    parser.add_argument("--streams", type=int, default=12)
    parser.add_argument("--scenes", type=int, default=8)
    return parser.parse_args()


def _synthetic_streams(model: RuntimeModel, options: argparse.Namespace) -> Streams:
    options.cache.mkdir(parents=True, exist_ok=True)
    name = f"synthetic-{options.streams}x{options.scenes}-{fingerprint_of_x_encoder(model.config)[:12]}.npz"
    kept = options.cache / name
    if not kept.exists():
        np.savez(kept, **_encode_made(model, options))
    streams = []
    with np.load(kept) as data:
        for number in range(options.streams):
            tokens = data[f"tokens{number}"]
            embeddings = model.predictor.predict(tokens, [model.prompt] * len(tokens))
            streams.append((embeddings, [float(second) for second in data[f"borders{number}"]]))
    return streams


def _encode_made(model: RuntimeModel, options: argparse.Namespace) -> dict[str, Any]:
    random = np.random.default_rng(0)
    folder = shared_data() / "flickr8k"
    names = (folder / "Flickr_8k.devImages.txt").read_text().split()
    chosen = random.choice(names, size=(options.streams, options.scenes), replace=False)
    synthetic: dict[str, Any] = {}
    for number, row in enumerate(chosen):
        frames: list[np.ndarray] = []
        borders = []
        for name in row:
            borders.append(len(frames) / RATE)
            path = folder / "images" / Path(name).with_suffix(".webp")
            with Image.open(path, formats=["WEBP"]) as picture:
                frames += moving_frames(
                    picture.convert("RGB"),
                    size=model.x_encoder.image_size,
                    count=round(random.uniform(*SCENE_SECONDS) * RATE),
                    smallest=0.5,
                    random=random,
                )
        synthetic[f"tokens{number}"] = model.x_encoder.encode(np.stack(frames)[:, np.newaxis])
        synthetic[f"borders{number}"] = np.array(borders[1:])
    return synthetic


def _ward(stream: np.ndarray, shift: float) -> list[float]:
    return [run.start / RATE for run in segment(stream, shift=shift, window_seconds=1 / RATE)][1:]


def _ward_count(stream: np.ndarray, count: int) -> list[float]:
    return [run.start / RATE for run in segment(stream, count=count)][1:]


def _variance(stream: np.ndarray, threshold: float) -> list[float]:
    detector = ShiftDetector(RATE, ShiftOptions(threshold=threshold))
    found = [border for embedding in stream if (border := detector.push(embedding)) is not None]
    last = detector.take_peak()
    return [number / RATE for number, _ in (*found, *([last] if last else []))]


def _cut_all(streams: Streams, cut: Cut, threshold: float) -> list[tuple[list[float], list[float]]]:
    return [(cut(stream, threshold), true) for stream, true in streams]


def _score(cuts: Sequence[tuple[list[float], list[float]]]) -> dict[str, float]:
    """Precision, recall and F1 over the borders of all videos together."""
    found = sum(len(borders) for borders, _ in cuts)
    true = sum(len(borders) for _, borders in cuts)
    hit = sum(hits(borders, known) for borders, known in cuts)
    return {
        "precision": hit / max(found, 1),
        "recall": hit / max(true, 1),
        "f1": 2 * hit / max(found + true, 1),
    }


def _f1_of(streams: Streams, cut: Cut, thresholds: np.ndarray) -> list[float]:
    return [_score(_cut_all(streams, cut, float(threshold)))["f1"] for threshold in thresholds]


def _middle_of_best(thresholds: np.ndarray, scores: Sequence[float]) -> float:
    """The geometric middle of the thresholds that come within half a point of the best."""
    good = thresholds[np.array(scores) >= max(scores) - 0.005]
    return float(np.sqrt(good[0] * good[-1]))


def _held_out(
    streams: Streams, cut: Cut, thresholds: np.ndarray, left: int
) -> tuple[list[float], list[float]]:
    others = [stream for number, stream in enumerate(streams) if number != left]
    threshold = _middle_of_best(thresholds, _f1_of(others, cut, thresholds))
    stream, true = streams[left]
    return cut(stream, threshold), true


def _row(name: str, threshold: str, score: dict[str, float]) -> list[object]:
    return [name, threshold, *(f"{score[key]:.3f}" for key in ("precision", "recall", "f1"))]


if __name__ == "__main__":
    main()
