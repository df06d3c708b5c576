"""Is the impossible video of a pair more surprising than the possible one? By prediction, and without one.

    python -m benchmarks.published.physics worlds [--model nano]
    python -m benchmarks.published.physics intphys2-main --data FOLDER [--model nano] [--predictor FOLDER]

Figures are percentages of pairs, by kind of event. Of generated worlds, a network learns from possible worlds of
other seeds alone how the cells of the X-Encoder move; cuts, flashes, casts of light and a shaken camera are possible,
so that about half of their pairs should be right. Where most of a picture changes at once, prediction begins anew. Of
published pairs, the model's dynamics foresee, or V-JEPA 2's own predictor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.datasets.generated_worlds import CONTROLS, EVENTS
from benchmarks.datasets.shapes import GeneratedWorlds, PhysicsSet
from benchmarks.metrics.intervals import wilson
from benchmarks.published.outcome import Figures, Outcome
from benchmarks.shared.embedder import Embedder
from benchmarks.shared.physics_videos import file_scores
from benchmarks.shared.world_cells import WorldVideos, read_worlds
from benchmarks.shared.world_scores import SURPRISE, baseline_scores, predicted_scores, usual_scores
from benchmarks.shared.world_training import train_world_dynamics
from jepa_retrieval.errors import UsageError
from jepa_retrieval.models.runtime.model import RuntimeModel

SEEDS = 3
WORLDS = 480  # to learn from
STEPS = 4000  # of training
# Of the scores of a video's frames, to one.
REDUCED: dict[str, Callable[[np.ndarray], float]] = {
    "mean": lambda scores: float(scores.mean()),
    "three highest": lambda scores: float(np.sort(scores)[-3:].mean()),
}
HEADLINE = f"{SURPRISE}, three highest"

Scores = tuple[np.ndarray, np.ndarray]  # of the frames of a pair's possible video, and of the other


def evaluate(data: GeneratedWorlds | PhysicsSet, embedder: Embedder) -> Outcome:
    """Accuracy on pairs, of every way and by kind."""
    if isinstance(data, PhysicsSet):
        return _evaluate_files(data, embedder)
    model = embedder.model
    if not isinstance(model, RuntimeModel):
        raise UsageError(f"{model.name} has no early feature maps to make cells of")
    videos = read_worlds(
        model,
        WORLDS,
        data.pairs,
        cache=embedder.folder,
        tell=lambda done, total: embedder.on_progress("worlds", done, total),
    )
    kinds = [pair.kind for pair in data.pairs]
    by_seed = [_by_prediction(videos, seed, embedder) for seed in range(SEEDS)]
    rows: dict[str, Figures] = {}
    for name in by_seed[0]:
        rows |= _rows(name, kinds, [found[name] for found in by_seed])
    for name, scores in baseline_scores(videos).items():
        rows |= _rows(name, kinds, [scores])
    counts = {"training worlds": len(videos.training), "pairs": len(kinds), "kinds": len(set(kinds))}
    trials = SEEDS * sum(kind in EVENTS for kind in kinds)
    low, high = wilson(round(trials * float(rows[HEADLINE]["impossible"]) / 100), trials)
    notes = [
        f"impossible: the mean of {', '.join(EVENTS)}; possible are {', '.join(CONTROLS)}.",
        f"Means of {SEEDS} seeds; ±: half the difference of the highest and the lowest.",
        f"95% interval of {HEADLINE}: {low:.1f} to {high:.1f}, if all {trials} answers were independent.",
    ]
    return Outcome(rows, f"pairs right, {HEADLINE}", float(rows[HEADLINE]["impossible"]), counts, notes)


def _by_prediction(videos: WorldVideos, seed: int, embedder: Embedder) -> dict[str, list[Scores]]:
    module = train_world_dynamics(videos.training, seed=seed, steps=STEPS, on_progress=embedder.on_progress)
    usual = usual_scores(module, videos.training)
    found: dict[str, list[Scores]] = {}
    for pair in videos.pairs:
        both = [predicted_scores(module, video, usual) for video in (pair.possible, pair.other)]
        for name in both[0]:
            found.setdefault(name, []).append((both[0][name], both[1][name]))
    return found


def _evaluate_files(data: PhysicsSet, embedder: Embedder) -> Outcome:
    found = file_scores(data.pairs, embedder, embedder.predictor)
    kinds = found.kinds
    rows: dict[str, Figures] = {}
    for name, scores in found.by_way.items():
        rows |= _rows(name, kinds, [scores])
    headline = next(iter(rows), "")
    value = float(rows[headline]["all"]) if rows else 0.0
    low, high = wilson(round(len(kinds) * value / 100), len(kinds))
    counts = {"pairs named": data.named, "pairs found": len(data.pairs), "pairs read": len(kinds)}
    notes = [f"95% interval of {headline}: {low:.1f} to {high:.1f}."]
    return Outcome(rows, f"pairs right, {headline}", value, counts, notes)


def _rows(name: str, kinds: Sequence[str], by_seed: Sequence[Sequence[Scores]]) -> dict[str, Figures]:
    """One row for each way to reduce the scores of frames to one of the video."""
    rows: dict[str, Figures] = {}
    order = list(dict.fromkeys(kinds))
    events = [kind for kind in order if kind in EVENTS] or order
    total = "impossible" if set(order) & set(CONTROLS) else "all"
    for how, reduce in REDUCED.items():
        right = np.array(
            [[reduce(other) > reduce(possible) for possible, other in scores] for scores in by_seed]
        )
        of_kind = {kind: right[:, [one == kind for one in kinds]].mean(axis=1) for kind in order}
        means = 100 * np.mean([of_kind[kind] for kind in events], axis=0)
        figures: dict[str, float] = {total: float(means.mean())}
        if len(by_seed) > 1:
            figures["±"] = float(np.ptp(means)) / 2
        rows[f"{name}, {how}"] = figures | {
            kind: 100 * float(values.mean()) for kind, values in of_kind.items()
        }
    return rows


if __name__ == "__main__":
    from benchmarks.published.script import main

    main("physics")
