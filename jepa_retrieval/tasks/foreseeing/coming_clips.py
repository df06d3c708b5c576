"""Which clips of an index show what comes? Those that resemble it, in the order of the dynamics' ranking."""

from __future__ import annotations

import numpy as np

from indexes import Index, arrays
from indexes.records import ClipHit
from jepa_retrieval.models.runtime.dynamics import MAX_STEP, DynamicsModel
from jepa_retrieval.tasks.searching.moments import Candidate, merge

POOL = 256  # clips that are ranked, for each of the two embeddings
OVERFETCH = 2  # clips that are taken at first for each one asked for: some are joined


def coming_clips(
    index: Index,
    seen: np.ndarray,
    dynamics: DynamicsModel,
    embeddings: np.ndarray,
    seconds: float,
    *,
    top: int,
) -> list[ClipHit]:
    """The clips that most likely show what comes, likeliest first; their scores are cosines with what was foreseen.

    The clips nearest to the last window or to what was foreseen are ranked by their states. Without tokens in the
    index, or a ranking in the dynamics, they stay in the order of their scores. Neighbours of a file with similar
    scores are joined.

    Args:
        index: where to look.
        seen: the states so far, float32 [L, S], of one shot.
        dynamics: whose ranking is used.
        embeddings: of the last window and of what was foreseen, float32 [2, E], unit length.
        seconds: the horizon; the ranking looks at most `MAX_STEP` ahead.
        top: maximum number of clips, joined ones counting as one.
    """
    near = index.search(embeddings, k=POOL + OVERFETCH * top)
    ranked = _ranked(index, near, seen, dynamics, embeddings[1], seconds)
    clips = near[1] if ranked is None else ranked
    taken = OVERFETCH * top
    joined = merge(clips[:taken], top=top)
    while len(joined) < top and taken < len(clips):
        taken *= 2
        joined = merge(clips[:taken], top=top)
    return [_joined(candidate) for candidate in joined]


def _joined(candidate: Candidate) -> ClipHit:
    best = candidate.best
    return ClipHit(best.clip_id, best.score, best.path, best.kind, candidate.start, candidate.end)


def _ranked(
    index: Index,
    near: list[list[ClipHit]],
    seen: np.ndarray,
    dynamics: DynamicsModel,
    foreseen: np.ndarray,
    seconds: float,
) -> list[ClipHit] | None:
    """The clips by the ranking; None if the dynamics have none, there are no clips, or one has no tokens."""
    hits = {hit.clip_id: hit for found in near for hit in found}
    ids = list(hits)
    if not ids or dynamics.ranking is None:
        return None
    tokens = arrays.tokens(index.clips(ids, columns=["clip_id", "tokens", "token_size"]))
    kept = [one for one in tokens if one is not None]
    if len(kept) < len(ids):
        return None
    states = dynamics.projection.states(np.stack([one.mean(axis=0, dtype=np.float32) for one in kept]))
    scores = dynamics.ranking(states, seen[-dynamics.context :], min(seconds, MAX_STEP))
    cosines = index.embeddings(ids) @ foreseen
    return [
        ClipHit(hit.clip_id, float(cosines[row]), hit.path, hit.kind, hit.start, hit.end)
        for row in np.argsort(-scores, kind="stable").tolist()
        for hit in [hits[ids[row]]]
    ]
