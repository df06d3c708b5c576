"""Clips of an index as rows of arrays: which ones are meant, an embedding for each, and pooling over files and time.

Dimension letters: C clips, E embedding size, K candidates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from indexes import Index, arrays
from jepa_retrieval.arguments import as_count
from jepa_retrieval.errors import UsageError
from jepa_retrieval.models.parts import Model
from jepa_retrieval.models.queries import normal_prompt

if TYPE_CHECKING:
    import pyarrow as pa

Per = Literal["clip", "moment", "file"]

# Clips of one file that lie no further apart than this, in seconds, follow each other without a gap.
TOUCHING = 0.05
_PLACE = ("clip_id", "path", "start", "end")


def check_selection(per: str, top: int) -> None:
    """Refuse what is no value of the options `per` and `top`.

    Raises:
        UsageError: it is not.
    """
    if per not in get_args(Per):
        raise UsageError(f"per must be one of {', '.join(get_args(Per))}, not {per!r}")
    as_count("top", top)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which clips of an index are meant; without any condition, all."""

    where: str | None = None  # SQL over the clips' columns
    paths: Sequence[str] | None = None  # as the index stores them
    clip_ids: Sequence[int] | None = None  # those of them that were chosen: the others do not matter then


@dataclass(frozen=True, slots=True, eq=False)
class Intervals:
    """C intervals of media files, by path and time: clips, or what they were pooled to."""

    clip_ids: np.ndarray  # int64 [C]; -1 for media outside of an index
    paths: list[str]
    starts: np.ndarray  # float64 [C], seconds; NaN for images
    ends: np.ndarray

    def __len__(self) -> int:
        return len(self.paths)

    def time(self, row: int) -> tuple[float | None, float | None]:
        """Start and end of a row in seconds; None for an image."""
        start, end = float(self.starts[row]), float(self.ends[row])
        return None if np.isnan(start) else start, None if np.isnan(end) else end

    def clip_id(self, row: int) -> int | None:
        """The clip of a row; None where there is none."""
        return None if self.clip_ids[row] < 0 else int(self.clip_ids[row])

    def take(self, rows: Sequence[int] | np.ndarray) -> Intervals:
        """Some of the rows, in the order given."""
        return Intervals(
            self.clip_ids[rows], [self.paths[row] for row in rows], self.starts[rows], self.ends[rows]
        )


def stored_embeddings(index: Index, selection: Selection) -> tuple[Intervals, np.ndarray]:
    """The chosen clips by path and time, and their embeddings under the index's prompt, float32 [C, E]."""
    batches = list(_batches(index, selection, ["embedding"]))
    vectors = [arrays.embeddings(batch).astype(np.float32) for batch in batches]
    return _sorted(batches, vectors, index.manifest.embedding_size)


def predicted_embeddings(
    index: Index, model: Model, query: str, selection: Selection
) -> tuple[Intervals, np.ndarray]:
    """The chosen clips by path and time, and what the Predictor makes of their stored tokens for a query, [C, E].

    No media file is opened: only the Predictor runs.

    Raises:
        UsageError: the model's Predictor ignores queries, or the index holds no tokens.
    """
    require_queries(model)
    batches, vectors = [], []
    for batch in _batches(index, selection, ["tokens", "token_size"]):
        tokens = arrays.tokens(batch)
        for path, found in zip(batch["path"], tokens, strict=True):
            if found is None:
                raise _no_tokens(index, path.as_py())
        vectors.append(predict([found for found in tokens if found is not None], query, model))
        batches.append(batch.select([*_PLACE]))  # the tokens may go
    return _sorted(batches, vectors, index.manifest.embedding_size)


def files_with_sound_only(index: Index, selection: Selection) -> set[str]:
    """Of what was chosen by a condition or paths, the files with sound only: clips of these are never among the rest.

    Which clips were chosen by their ids does not matter.
    """
    if index.count_seen_clips() == index.count_clips():
        return set()
    batches = index.iter_clips(where=selection.where, paths=selection.paths, columns=["path", "kind"])
    rows = (row for batch in batches for row in batch.to_pylist())
    return {row["path"] for row in rows if row["kind"] == "audio"}


def predict(tokens: Sequence[np.ndarray], query: str, model: Model) -> np.ndarray:
    """Ŝ_Y of clips whose S_V, float [N, D] each, may differ in N, under one query: float32 [C, E], unit length."""
    return predict_with_prompt(tokens, normal_prompt(query), model)


def predict_with_prompt(tokens: Sequence[np.ndarray], prompt: str, model: Model) -> np.ndarray:
    """As `predict`, under a prompt that is taken as it is, such as that of an index."""
    embeddings = np.zeros((len(tokens), model.embedding_size), np.float32)
    counts = np.array([len(clip) for clip in tokens], np.int64)
    for count in np.unique(counts):
        rows = np.flatnonzero(counts == count)
        stacked = np.stack([tokens[row] for row in rows.tolist()]).astype(np.float32)
        embeddings[rows] = model.predictor.predict(stacked, [prompt] * len(rows))
    return embeddings


def require_queries(model: Model) -> None:
    """Raise UsageError if the model cannot be asked."""
    if not model.predictor.query_conditioned:
        raise UsageError(
            f"the model {model.name} takes no questions: its predictor only averages frames; "
            "index with a VL-JEPA model, such as nano"
        )


def pool(intervals: Intervals, scores: np.ndarray, per: Per) -> tuple[Intervals, np.ndarray]:
    """Pool clips to moments or files: the scores of a pooled interval are means weighted by duration.

    Args:
        intervals: clips by path and time, as the functions above return them.
        scores: float [C, K] of each clip for each candidate.
        per: "clip" leaves all as it is; "moment" joins clips that follow each other without a gap and have the same
            best candidate; "file" joins all clips of a file. A joined interval has the clip_id of its longest clip.
    """
    if per == "clip" or not len(intervals):
        return intervals, scores
    same = np.array([a == b for a, b in zip(intervals.paths, intervals.paths[1:], strict=False)], bool)
    if per == "moment":
        best = scores.argmax(axis=1)
        # NaN of images compares false: they never join.
        touching = intervals.starts[1:] <= intervals.ends[:-1] + TOUCHING
        same = same & touching & (best[1:] == best[:-1])
    first = np.concatenate([[0], np.flatnonzero(~same) + 1])
    last = np.append(first[1:], len(intervals)) - 1
    lengths = np.nan_to_num(intervals.ends - intervals.starts, nan=1.0).clip(min=1e-3)
    total = np.add.reduceat(lengths, first)
    pooled = np.add.reduceat(scores * lengths[:, np.newaxis], first) / total[:, np.newaxis]
    longest = [a + int(lengths[a : b + 1].argmax()) for a, b in zip(first, last, strict=True)]
    joined = Intervals(
        intervals.clip_ids[longest],
        [intervals.paths[a] for a in first],
        intervals.starts[first],
        intervals.ends[last],
    )
    return joined, pooled.astype(scores.dtype)


def _batches(index: Index, selection: Selection, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """The chosen clips that have something to see."""
    import pyarrow.compute as pc

    wanted = [*_PLACE, "kind", *columns]
    if selection.clip_ids is not None:
        batches = iter(index.clips(selection.clip_ids, columns=wanted).to_batches())
    else:
        batches = index.iter_clips(where=selection.where, paths=selection.paths, columns=wanted)
    for batch in batches:
        yield batch.filter(pc.not_equal(batch["kind"], "audio"))


def _sorted(
    batches: Sequence[pa.RecordBatch], vectors: Sequence[np.ndarray], size: int
) -> tuple[Intervals, np.ndarray]:
    columns: dict[str, list[object]] = {
        name: [value for batch in batches for value in batch[name].to_pylist()] for name in _PLACE
    }
    starts, ends = (np.array(columns[name], np.float64) for name in ("start", "end"))  # None becomes NaN
    intervals = Intervals(
        np.array(columns["clip_id"], np.int64), [str(path) for path in columns["path"]], starts, ends
    )
    order = sorted(
        range(len(intervals)), key=lambda row: (intervals.paths[row], starts[row], intervals.clip_ids[row])
    )
    embeddings = np.concatenate([np.zeros((0, size), np.float32), *vectors])
    return intervals.take(order), embeddings[order]


def _no_tokens(index: Index, path: str) -> UsageError:
    return UsageError(
        f"the index {index.folder} contains no visual tokens of {path} (it was made with --no-tokens): "
        "questions need them; run `jepa index --rebuild --tokens` on its folder"
    )
