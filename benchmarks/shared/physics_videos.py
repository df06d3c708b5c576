"""How surprising each window of published videos is, by what predicts and by what does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.datasets.shapes import PhysicsPair
from benchmarks.shared.embedder import Embedder
from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media import DecodeRequest, decode_windows
from jepa_retrieval.models.cuts import distances
from jepa_retrieval.models.runtime.vjepa2_predictor import PretrainedPredictor
from jepa_retrieval.tasks.foreseeing.dynamics import open_dynamics
from jepa_retrieval.tasks.foreseeing.pretrained import window_losses
from jepa_retrieval.tasks.foreseeing.states import file_states
from jepa_retrieval.tasks.foreseeing.surprise import score_states

RATE = 6.0  # windows per second
GREY_SIDE = 64  # pixels that frames are compared by

Scores = tuple[np.ndarray, np.ndarray]  # of the frames of a pair's possible video, and of the other
Score = Callable[[Path], dict[str, np.ndarray]]


@dataclass(frozen=True, slots=True)
class FileScores:
    """Scores of the pairs that could be read."""

    kinds: list[str]
    by_way: dict[str, list[Scores]]


def file_scores(
    pairs: Sequence[PhysicsPair], embedder: Embedder, predictor: PretrainedPredictor | None
) -> FileScores:
    """Scores of every pair, by way; files that cannot be read are named in `embedder.unreadable`."""
    score = _by_dynamics(embedder) if predictor is None else _by_predictor(predictor)
    kinds: list[str] = []
    by_way: dict[str, list[Scores]] = {}
    for done, pair in enumerate(pairs, start=1):
        try:
            both = [score(path) | _pixels(path) for path in (pair.possible, pair.impossible)]
        except UnreadableMediaError as error:
            embedder.unreadable[str(error.path)] = error.reason
            continue
        if not all(len(values) for found in both for values in found.values()):
            embedder.unreadable[str(pair.possible)] = (
                "nothing could be predicted in it or its impossible twin"
            )
            continue
        kinds.append(pair.kind)
        for name in both[0]:
            by_way.setdefault(name, []).append((both[0][name], both[1][name]))
        embedder.on_progress("pairs", done, len(pairs))
    return FileScores(kinds, by_way)


def _by_predictor(predictor: PretrainedPredictor) -> Score:
    def score(path: Path) -> dict[str, np.ndarray]:
        found = window_losses(path, predictor).surprise
        return {"surprise": found[~np.isnan(found)]}

    return score


def _by_dynamics(embedder: Embedder) -> Score:
    model = embedder.model
    dynamics = open_dynamics(model)

    def score(path: Path) -> dict[str, np.ndarray]:
        seen = file_states(path, model, dynamics.projection.states, rate=RATE)
        scores = score_states(seen.states, seen.times, dynamics)
        known = ~np.isnan(scores.raw)
        return {
            "surprise": scores.relative[known],
            "error alone": scores.raw[known],
            "difference of neighbouring states": distances(seen.states[1:], seen.states[:-1]),
        }

    return score


def _pixels(path: Path) -> dict[str, np.ndarray]:
    """Mean absolute differences of neighbouring frames."""
    request = DecodeRequest(
        path,
        image_size=GREY_SIDE,
        sampling=RATE,
        frames_per_window=round(2 * RATE),
        thumbnails=False,
        hash_content=False,
    )
    frames = np.concatenate([window.frames for window in decode_windows(request)]).astype(np.float32)
    return {"difference of frames, pixels": np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2, 3))}
