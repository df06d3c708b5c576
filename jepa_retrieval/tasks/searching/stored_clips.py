"""Clips of an index as rows of arrays: which ones are meant, an embedding for each, and pooling over files and time.

Dimension letters: C clips, E embedding size, K candidates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from indexes import Index, arrays, quote_text
from jepa_retrieval.errors import UsageError
from jepa_retrieval.models.parts import Model
from jepa_retrieval.models.queries import normal_prompt

if TYPE_CHECKING:
    import pyarrow as pa

Per = Literal["clip", "moment", "file"]

# Clips of one file that lie no further apart than this, in seconds, follow each other without a gap.
TOUCHING = 0.05
_PLACE = ("clip_id", "path", "start", "end")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which clips of an index are meant; without any condition, all."""

    where: str | None = None  # SQL over the clips' columns
    paths: Sequence[str] | None = None  # as the index stores them
    clip_ids: Sequence[int] | None = None  # the two others do not matter then

    def sql(self) -> str | None:
        """The condition on clips as one SQL expression; None for all."""
        if self.paths is None:
            return self.where  # as it is, so that an error shows what was written
        quoted = ", ".join(quote_text(path) for path in self.paths)
        among = f"path IN ({quoted})" if quoted else "false"
        return among if self.where is None else f"({self.where}) AND {among}"


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """C stretches of media, by path and time."""

    clip_ids: np.ndarray  # int64 [C]; -1 for media that no index has
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

    def take(self, rows: Sequence[int] | np.ndarray) -> Spans:
        """Some of the rows, in the order given."""
        return Spans(
            self.clip_ids[rows], [self.paths[row] for row in rows], self.starts[rows], self.ends[rows]
        )


def stored_embeddings(index: Index, selection: Selection) -> tuple[Spans, np.ndarray]:
    """The chosen clips by path and time, and their embeddings under the index's prompt, float32 [C, E]."""
    batches = list(_batches(index, selection, ["embedding"]))
    vectors = [arrays.embeddings(batch).astype(np.float32) for batch in batches]
    return _sorted(batches, vectors, index.manifest.embedding_size)


def predicted_embeddings(
    index: Index, model: Model, query: str, selection: Selection
) -> tuple[Spans, np.ndarray]:
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


def predict(tokens: Sequence[np.ndarray], query: str, model: Model) -> np.ndarray:
    """Ŝ_Y of clips whose S_V, float [N, D] each, may differ in N, under one query: float32 [C, E], unit length."""
    embeddings = np.zeros((len(tokens), model.embedding_size), np.float32)
    counts = np.array([len(clip) for clip in tokens], np.int64)
    prompt = normal_prompt(query)
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


def pool(spans: Spans, scores: np.ndarray, per: Per) -> tuple[Spans, np.ndarray]:
    """Clips to moments or files: spans that follow each other, and the mean of their scores weighted by duration.

    Args:
        spans: clips by path and time, as the functions above return them.
        scores: float [C, K] of each clip for each candidate.
        per: "clip" leaves all as it is; "moment" joins clips that follow each other without a gap and have the same
            best candidate; "file" joins all clips of a file. Of a joined span, `clip_ids` has the longest clip.
    """
    if per == "clip" or not len(spans):
        return spans, scores
    same = np.array([a == b for a, b in zip(spans.paths, spans.paths[1:], strict=False)], bool)
    if per == "moment":
        best = scores.argmax(axis=1)
        # NaN of images compares false: they never join.
        touching = spans.starts[1:] <= spans.ends[:-1] + TOUCHING
        same = same & touching & (best[1:] == best[:-1])
    first = np.concatenate([[0], np.flatnonzero(~same) + 1])
    last = np.append(first[1:], len(spans)) - 1
    lengths = np.nan_to_num(spans.ends - spans.starts, nan=1.0).clip(min=1e-3)
    total = np.add.reduceat(lengths, first)
    pooled = np.add.reduceat(scores * lengths[:, np.newaxis], first) / total[:, np.newaxis]
    longest = [a + int(lengths[a : b + 1].argmax()) for a, b in zip(first, last, strict=True)]
    joined = Spans(
        spans.clip_ids[longest], [spans.paths[a] for a in first], spans.starts[first], spans.ends[last]
    )
    return joined, pooled.astype(scores.dtype)


def _batches(index: Index, selection: Selection, columns: list[str]) -> Iterator[pa.RecordBatch]:
    wanted = [*_PLACE, *columns]
    if selection.clip_ids is not None:
        yield from index.clips(selection.clip_ids, columns=wanted).to_batches()
    else:
        yield from index.iter_clips(where=selection.sql(), columns=wanted)


def _sorted(
    batches: Sequence[pa.RecordBatch], vectors: Sequence[np.ndarray], size: int
) -> tuple[Spans, np.ndarray]:
    columns: dict[str, list[object]] = {
        name: [value for batch in batches for value in batch[name].to_pylist()] for name in _PLACE
    }
    starts, ends = (np.array(columns[name], np.float64) for name in ("start", "end"))  # None becomes NaN
    spans = Spans(
        np.array(columns["clip_id"], np.int64), [str(path) for path in columns["path"]], starts, ends
    )
    order = sorted(range(len(spans)), key=lambda row: (spans.paths[row], starts[row], spans.clip_ids[row]))
    embeddings = np.concatenate([np.zeros((0, size), np.float32), *vectors])
    return spans.take(order), embeddings[order]


def _no_tokens(index: Index, path: str) -> UsageError:
    return UsageError(
        f"the index {index.folder} holds no visual tokens of {path} (it was made with --no-tokens): "
        "questions need them; run `jepa index --rebuild --tokens` on its folder"
    )
