"""Anomalies in videos of one scene: which frames are abnormal, by surprise and by what does not predict.

    python -m benchmarks.published.anomaly ucsd-ped2 --data FOLDER [--model nano]

Everything is learnt from the normal training videos alone. The score of a frame is the mean of its 30 most surprising
cells, smoothed over 0.9 s. Of what compares a frame with one before it, the logarithm is taken first, as published
methods take the PSNR; scores below the median of training frames count as that median. The field's figure is the area
under the ROC curve over the frames of all test videos joined, with the scores of each video scaled to 0 to 1; the
figure without that scaling stands beside it. Both are for whole videos: a scaled score of a frame depends on frames
after it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import faiss
import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from benchmarks.datasets.shapes import AnomalySet
from benchmarks.published.outcome import Figures, Outcome
from benchmarks.shared.embedder import Embedder
from benchmarks.shared.scene_videos import SceneVideo, read_scene
from jepa_retrieval.errors import UsageError
from jepa_retrieval.models.modules.scene import TOP_CELLS, SceneDynamics, of_picture
from jepa_retrieval.models.runtime.model import RuntimeModel
from jepa_retrieval.training.progress import TrainProgress
from jepa_retrieval.training.scene import SceneSettings, as_channels, train_scene

SEEDS = 3
STEPS = 600  # of training
SMOOTHED = 0.9  # seconds
LAG = 0.3  # seconds between a frame and the one that is predicted
MEMORY = 10_000  # training cells among which the nearest is looked for
_BATCH = 16


def evaluate(data: AnomalySet, embedder: Embedder) -> Outcome:
    """Frame AUC of the surprise, of every baseline, and of ablations."""
    model = embedder.model
    if not isinstance(model, RuntimeModel):
        raise UsageError(f"{model.name} has no early feature maps to make cells of")
    training, tests = read_scene(
        model,
        data.training,
        [video.path for video in data.tests],
        data.frame_rate,
        cache=embedder.folder,
        tell=lambda done, total: embedder.on_progress("videos", done, total),
    )
    labels = [_labels(len(seen.cells), video.abnormal) for seen, video in zip(tests, data.tests, strict=True)]
    rows: dict[str, Figures] = {}
    by_seed = [_by_prediction(training, tests, data.frame_rate, seed, embedder) for seed in range(SEEDS)]
    for name in by_seed[0]:
        aucs = [auc(scores[name], labels, data.frame_rate) for scores in by_seed]
        rows[name] = _spread(aucs)
    for name, scores in _baselines(training, tests, data.frame_rate).items():
        rows[name] = _spread([auc(scores, labels, data.frame_rate)])
    counts = {
        "training videos": len(training),
        "test videos": len(tests),
        "test frames": sum(map(len, labels)),
        "abnormal": int(sum(one.sum() for one in labels)),
    }
    notes = [f"Means of {SEEDS} seeds, ± half the difference of the highest and the lowest."]
    return Outcome(rows, "frame AUC, scaled per video", rows["surprise"]["scaled"], counts, notes)


def auc(scores: Sequence[np.ndarray], labels: Sequence[np.ndarray], rate: float) -> tuple[float, float]:
    """Frame AUC in percent, scaled per video and not, of scores that are smoothed first."""
    smoothed = [smooth(one, max(1, round(SMOOTHED * rate))) for one in scores]
    scaled = [(one - one.min()) / max(float(np.ptp(one)), 1e-12) for one in smoothed]
    truth = np.concatenate(labels)
    first, second = (100 * float(roc_auc_score(truth, np.concatenate(one))) for one in (scaled, smoothed))
    return first, second


def smooth(scores: np.ndarray, width: int) -> np.ndarray:
    """Means over `width` neighbours, of which those beyond the ends repeat the ends."""
    padded = np.pad(scores.astype(np.float64), (width // 2, width - 1 - width // 2), mode="edge")
    smoothed: np.ndarray = np.convolve(padded, np.full(width, 1 / width), "valid")
    return smoothed


def _spread(aucs: Sequence[tuple[float, float]]) -> Figures:
    scaled, unscaled = (np.array(column) for column in zip(*aucs, strict=True))
    figures = {"scaled": float(scaled.mean()), "unscaled": float(unscaled.mean())}
    if len(aucs) > 1:
        figures |= {"±": float(np.ptp(scaled)) / 2, "± unscaled": float(np.ptp(unscaled)) / 2}
    return figures


def _labels(count: int, abnormal: Sequence[tuple[int, int]]) -> np.ndarray:
    labels = np.zeros(count, bool)
    for first, last in abnormal:
        labels[first : last + 1] = True
    return labels


def _by_prediction(
    training: Sequence[SceneVideo], tests: Sequence[SceneVideo], rate: float, seed: int, embedder: Embedder
) -> Mapping[str, list[np.ndarray]]:
    """Scores of every frame by the trained network."""
    settings = SceneSettings(lag=max(1, round(LAG * rate)), steps=STEPS, seed=seed)

    def tell(progress: TrainProgress) -> None:
        embedder.on_progress(f"train, seed {seed}", progress.done, progress.total)

    module = train_scene([video.cells for video in training], settings, on_progress=tell)
    scores: dict[str, list[np.ndarray]] = {}
    usual: dict[str, list[np.ndarray]] = {}
    for found, videos in ((usual, training[::4]), (scores, tests)):
        for video in videos:
            for name, values in _scores(module, video.cells, settings.lag).items():
                found.setdefault(name, []).append(values)
    return {name: _logarithms(values, usual[name]) for name, values in scores.items()}


def _scores(module: SceneDynamics, cells: np.ndarray, lag: int) -> dict[str, np.ndarray]:
    found: dict[str, list[torch.Tensor]] = {}
    for first in range(0, len(cells) - lag, _BATCH):
        last = min(first + _BATCH, len(cells) - lag)
        maps = module.maps(as_channels(cells[first:last]), as_channels(cells[first + lag : last + lag]))
        named = {
            "surprise": maps.surprise,
            "error alone": maps.error,
            "difference of neighbouring cells": maps.change,
        }
        for name, one in named.items():
            found.setdefault(name, []).append(of_picture(one))
    return {name: _from_lag(torch.cat(parts).numpy(), lag) for name, parts in found.items()}


def _logarithms(scores: Sequence[np.ndarray], usual: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Logarithms of scores, from the median of those of training frames on: below it all frames are alike."""
    floor = max(float(np.median(np.concatenate(usual))), 1e-6)
    return [np.log(np.maximum(one, floor)) for one in scores]


def _from_lag(scores: np.ndarray, lag: int) -> np.ndarray:
    """Scores of all frames; the first `lag`, which nothing predicts, repeat the first that there is."""
    return np.concatenate([np.repeat(scores[:1], lag), scores])


def _baselines(
    training: Sequence[SceneVideo], tests: Sequence[SceneVideo], rate: float
) -> Mapping[str, list[np.ndarray]]:
    """What does not predict."""
    lag = max(1, round(LAG * rate))
    still, moving = (
        [_coarse(video.cells, lag, change=change) for video in training] for change in (False, True)
    )
    return {
        "difference of frames": _logarithms(
            [video.pixel_change for video in tests], [video.pixel_change for video in training]
        ),
        "difference of whole frames' features": _logarithms(
            *([_whole_change(video.cells, lag) for video in videos] for videos in (tests, training))
        ),
        "nearest whole training frame": _nearest_frame(training, tests),
        "nearest training cell": _nearest(
            still, [_coarse(video.cells, lag, change=False) for video in tests]
        ),
        "nearest training cell with its change": _nearest(
            moving, [_coarse(video.cells, lag, change=True) for video in tests]
        ),
    }


def _whole(cells: np.ndarray) -> np.ndarray:
    means: np.ndarray = cells.mean(axis=(1, 2), dtype=np.float32)
    return means


def _whole_change(cells: np.ndarray, lag: int) -> np.ndarray:
    whole = _whole(cells)
    return _from_lag(np.linalg.norm(whole[lag:] - whole[:-lag], axis=1), lag)


def _nearest_frame(training: Sequence[SceneVideo], tests: Sequence[SceneVideo]) -> list[np.ndarray]:
    search = faiss.IndexFlatL2(training[0].cells.shape[-1])
    search.add(np.concatenate([_whole(video.cells) for video in training]))
    return [search.search(_whole(video.cells), 1)[0][:, 0] for video in tests]


def _coarse(cells: np.ndarray, lag: int, *, change: bool) -> np.ndarray:
    """Cells pooled 2 x 2, float32 [T, n, C], with their change over `lag` frames or without."""
    side = cells.shape[1] // 2 * 2
    pooled = cells[:, :side, :side].astype(np.float32)
    count, channels = len(pooled), pooled.shape[-1]
    pooled = pooled.reshape(count, side // 2, 2, side // 2, 2, channels).mean(axis=(2, 4))
    pooled = pooled.reshape(count, -1, channels)
    if not change:
        return pooled
    before = np.concatenate([np.repeat(pooled[:1], lag, axis=0), pooled[:-lag]])
    return np.concatenate([pooled, pooled - before], axis=-1)


def _nearest(training: Sequence[np.ndarray], tests: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Mean squared distances of the `TOP_CELLS` cells of each frame that are farthest from any training cell."""
    random = np.random.default_rng(0)
    rows = np.concatenate([one.reshape(-1, one.shape[-1])[::37] for one in training])
    search = faiss.IndexFlatL2(rows.shape[1])
    search.add(rows[random.permutation(len(rows))[:MEMORY]])
    found = []
    for cells in tests:
        distances = search.search(np.ascontiguousarray(cells.reshape(-1, cells.shape[-1])), 1)[0]
        highest = np.sort(distances.reshape(len(cells), -1), axis=1)[:, -TOP_CELLS:]
        found.append(highest.mean(axis=1))
    return found


if __name__ == "__main__":
    from benchmarks.published.script import main

    main("anomaly")
