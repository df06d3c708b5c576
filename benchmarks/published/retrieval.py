"""Is the right clip found for a text, and the right text for a clip? Retrieval in both directions.

    python -m benchmarks.published.retrieval flickr8k [--model nano] [--data FOLDER] [--limit N] [--through-index]

Each clip's Ŝ_Y is predicted with the captioning prompt, and ranked by similarity. Pools and subsets are those of
the data set; each recall is reported with the size of its pool. Video to text counts a clip as found if one of its
captions is. `--through-index` measures what a user gets: the files are indexed, and every caption is searched with
`Library.search(..., per_file=True)`.
"""

from __future__ import annotations

import numpy as np

from benchmarks.datasets.shapes import RetrievalSet
from benchmarks.metrics import best_ranks, mean_average_precision, rank_figures, ranks
from benchmarks.published.outcome import Figures, Outcome
from benchmarks.shared.embedder import Embedder


def evaluate(data: RetrievalSet, embedder: Embedder) -> Outcome:
    """Both directions, in the whole pool and in the smaller ones."""
    videos, readable = embedder.clips(data.clips)
    owners = np.array(data.owners)
    scores = embedder.texts(data.captions) @ videos.T
    rows: dict[str, Figures] = {}
    pools = {"": np.flatnonzero(readable)}
    for name, chosen in data.subsets.items():
        pools[f", {name}"] = np.array([row for row in pools[""] if row in chosen], dtype=int)
    for name, pool in pools.items():
        if len(pool):
            rows |= {
                f"{direction}{name}": figures for direction, figures in _both(scores, owners, pool).items()
            }
    counts = {"clips named": data.named, "clips found": len(data.clips), "clips read": int(readable.sum())}
    return Outcome(
        rows, "recall@1", rows["text to video"]["recall@1"], {**counts, "captions": len(data.captions)}
    )


def evaluate_through_index(data: RetrievalSet, embedder: Embedder) -> Outcome:
    """Text to video as a user does it, with an index and a search."""
    from benchmarks.published.indexed_retrieval import search_all

    ranking = search_all(data, embedder.model.name)
    owners = np.array(data.owners)
    rows: dict[str, Figures] = {}
    for name, chosen in {"": frozenset(range(len(data.clips))), **data.subsets}.items():
        pool = np.array([row in chosen and row in ranking.indexed for row in range(len(data.clips))])
        asked = np.flatnonzero(pool[owners])
        rank = np.array([_rank(ranking.found[query], owners[query], pool) for query in asked])
        if len(rank):
            size = {"queries": len(rank), "pool": int(pool.sum())}
            rows[f"text to video, {name}" if name else "text to video"] = {**size, **rank_figures(rank)}
    embedder.unreadable |= ranking.failed
    counts = {"clips named": data.named, "clips found": len(data.clips), "clips in the index": ranking.clips}
    return Outcome(rows, "recall@1", rows["text to video"]["recall@1"], {**counts, "captions": len(owners)})


def _rank(found: list[int], wanted: int, pool: np.ndarray) -> int:
    """Rank from 1 of the clip `wanted` among those of `pool`."""
    return [row for row in found if pool[row]].index(wanted) + 1


def _both(scores: np.ndarray, owners: np.ndarray, pool: np.ndarray) -> dict[str, Figures]:
    """Figures within `pool`, rows of clips; captions of other clips are left out."""
    place = np.full(scores.shape[1], -1)
    place[pool] = np.arange(len(pool))
    asked = place[owners] >= 0
    inside, right = scores[asked][:, pool], place[owners[asked]]
    relevant = right[np.newaxis] == np.arange(len(pool))[:, np.newaxis]  # [clips, captions]
    back = best_ranks(inside.T, relevant)
    return {
        "text to video": {"queries": len(inside), "pool": len(pool), **rank_figures(ranks(inside, right))}
        | {"mAP": mean_average_precision(inside, relevant.T)},
        "video to text": {"queries": len(pool), "pool": len(inside), **rank_figures(back)}
        | {"mAP": mean_average_precision(inside.T, relevant)},
    }


if __name__ == "__main__":
    from benchmarks.published.script import main

    main("retrieval")
