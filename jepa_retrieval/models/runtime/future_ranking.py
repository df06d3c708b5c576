"""Which state comes next? A small network that ranks candidates, in NumPy; in PyTorch it is `modules.future_ranking`.

Its input is how far a candidate lies from the last states, and how far these lie from each other. What follows lies
about as far from the present as the time in between makes likely, and farther from the past. The network does not see
what states show, so it works for any video.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from jepa_retrieval.models.config.dynamics import RANKING_LAGS
from jepa_retrieval.models.cuts import distances

_NEAR = 0.02  # added to distances before their logarithm is taken


def ranking_features(candidates: np.ndarray, seen: np.ndarray, seconds: float) -> np.ndarray:
    """How candidates lie to the last states of a shot.

    Args:
        candidates: float [N, S].
        seen: the states so far, float [L, S], the last one last; those too far back are not used.
        seconds: how far ahead a candidate would be.

    Returns:
        float32 [N, `RANKING_FEATURES`].
    """
    last = len(seen) - 1
    rows = [max(last - lag, 0) for lag in RANKING_LAGS]
    context, recent = seen[rows], seen[rows[-1] :]
    step = float(np.median(distances(recent[1:], recent[:-1]))) + _NEAR if len(recent) > 1 else 1.0
    to_context = distances(candidates[:, np.newaxis], context[np.newaxis])
    to_mean = distances(candidates, recent.mean(axis=0))[:, np.newaxis]
    between = np.broadcast_to(distances(context, context[:1]), to_context.shape)
    far = np.concatenate([to_context, to_mean, between], axis=1)
    same = np.broadcast_to(np.log([step, seconds]), (len(candidates), 2))  # for all candidates
    return np.concatenate([np.log(far + _NEAR), np.log(far / step + 0.1), same], axis=1).astype(np.float32)


class NumpyRanking:
    """The network with its weights, which have the names of the PyTorch module's."""

    def __init__(self, weights: Mapping[str, np.ndarray]) -> None:
        self._weights = weights

    def __call__(self, candidates: np.ndarray, seen: np.ndarray, seconds: float) -> np.ndarray:
        """The higher, the likelier to come: arguments as `ranking_features`, to float32 [N]."""
        weights = self._weights
        values = (ranking_features(candidates, seen, seconds) - weights["mean"]) / weights["scale"]
        for layer in ("first", "second"):
            values = values @ weights[f"{layer}.weight"].T + weights[f"{layer}.bias"]
            values = values / (1 + np.exp(-values.clip(min=-80)))
        scores: np.ndarray = (values @ weights["last.weight"].T + weights["last.bias"])[:, 0]
        return scores.astype(np.float32)
