"""The four parts of a model over their graphs. Imports neither PyTorch nor OpenVINO."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from jepa_retrieval.errors import UsageError
from jepa_retrieval.models.config import EfficientNetLiteConfig, VJepa2Config, XEncoderConfig
from jepa_retrieval.models.tokenizer import Tokenise

if TYPE_CHECKING:
    from torch import Tensor

Graph = Callable[..., np.ndarray]

# OpenVINO prepares a graph anew for every batch size, so only these are used.
BATCH_SIZES = (16, 8, 4, 2, 1)
TEXT_BATCH = 32
PADDED_SHARE = 0.6  # of a batch that must be present before the rest is padded: calls cost more than rows
CPU_CALLS = 2  # batches of frames that run at once on a CPU, each on its share of the cores
SHARED_BATCH = 8  # frames, at most, where several batches run at once: larger ones are no faster on a CPU


class GraphXEncoder:
    """Visual input X_V to visual tokens S_V."""

    def __init__(
        self,
        config: XEncoderConfig,
        graph: Graph,
        *,
        calls: int = 1,
        batch_size: int = BATCH_SIZES[0],
        device: str | None = None,
    ) -> None:
        """Wrap a graph.

        Args:
            config: of the X-Encoder.
            graph: frames to tokens.
            calls: how many batches to run at once; threads inside one call wait for each other.
            batch_size: clips, or frames of an encoder that sees each on its own, in one call; a power of two.
            device: of PyTorch, where the graph takes tensors as well as arrays; None: it takes arrays only.
        """
        self.device = device
        self.batch_frames = batch_size * (config.frames if isinstance(config, VJepa2Config) else 1)
        self.image_size = config.image_size
        self.frame_fit = config.frame_fit
        self.short_side = config.short_side
        self.interpolation = config.interpolation
        self.token_size = config.token_size
        self.tokens_per_frame = config.tokens_per_frame
        self.framewise = not isinstance(config, VJepa2Config)
        self.centre = config.centre if isinstance(config, EfficientNetLiteConfig) else 0.0
        self._graph = graph
        self._calls = calls
        self._batch_size = batch_size
        self._threads = ThreadPoolExecutor(calls, thread_name_prefix="x-encoder")

    def encode(self, frames: np.ndarray | Tensor) -> np.ndarray:
        """Uint8 [B, T, H, W, 3] to float32 S_V [B, N, D]; `UsageError` for another shape or type.

        Frames may be a tensor where `device` says so.
        """
        size = self.image_size
        is_uint8 = str(frames.dtype) in ("uint8", "torch.uint8")
        if not is_uint8 or frames.ndim != 5 or frames.shape[2:] != (size, size, 3):
            raise UsageError(
                f"frames must be uint8 [B, T, {size}, {size}, 3], not {frames.dtype} {list(frames.shape)}"
            )
        batch, count = frames.shape[:2]
        if batch == 0 or count == 0:
            raise UsageError("there are no frames to encode")
        if not self.framewise:
            return self._in_batches(frames)
        tokens = self._in_batches(frames.reshape(batch * count, 1, size, size, 3))
        return tokens.reshape(batch, count * self.tokens_per_frame, self.token_size)

    def _in_batches(self, frames: Any) -> np.ndarray:
        """Run the graph over frames, a few at a time."""
        if self._calls == 1:
            return in_batches(self._graph, frames, batch_size=self._batch_size)
        share = min(SHARED_BATCH, -(-len(frames) // self._calls))
        parts = [part for part, _ in _batches(frames, np.arange(len(frames)), max_size=share)]
        return np.concatenate(list(self._threads.map(self._graph, parts)))


class GraphPredictor:
    """Visual tokens and queries to Ŝ_Y; `tokenise` is None for a predictor that ignores the query."""

    def __init__(self, graph: Graph, tokenise: Tokenise | None) -> None:
        self.query_conditioned = tokenise is not None
        self._graph = graph
        self._tokenise = tokenise

    def predict(self, tokens: np.ndarray, queries: Sequence[str]) -> np.ndarray:
        """S_V float [B, N, D] and B queries to Ŝ_Y float32 [B, E], unit length."""
        if tokens.ndim != 3 or len(tokens) != len(queries):
            raise UsageError(
                f"tokens must be [B, N, D] with a query each, not {list(tokens.shape)} and {len(queries)} queries"
            )
        tokens = np.ascontiguousarray(tokens, dtype=np.float32)
        if self._tokenise is None:
            return in_batches(self._graph, tokens)
        different = list(dict.fromkeys(queries))
        numbers = {query: number for number, query in enumerate(different)}
        ids, mask = self._tokenise(different)
        rows = np.array([numbers[query] for query in queries], dtype=np.int64)
        padded = _padded(tokens), _padded(rows)
        predicted = [self._graph(part, *_shared(ids, mask, which)) for part, which in _batches(*padded)]
        return np.concatenate(predicted)[: len(tokens)]


class GraphYEncoder:
    """Target text Y to S_Y."""

    def __init__(self, graph: Graph, tokenise: Tokenise, *, embedding_size: int) -> None:
        self._graph = graph
        self._tokenise = tokenise
        self._embedding_size = embedding_size

    def unknown_words(self, text: str) -> list[str]:
        """The words of a text that its tokenizer has no token for."""
        return self._tokenise.unknown_words(text)

    def count_tokens(self, texts: Sequence[str]) -> int:
        """How many tokens some texts are together, as they are encoded."""
        return int(self._tokenise(texts)[1].sum()) if len(texts) else 0

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """B texts to S_Y float32 [B, E], unit length."""
        if isinstance(texts, str):
            raise UsageError("texts must be a list of texts, not one text")
        embeddings = np.zeros((len(texts), self._embedding_size), dtype=np.float32)
        if not len(texts):
            return embeddings
        ids, mask = self._tokenise(texts)
        lengths = mask.sum(axis=1)
        # Texts of like length together, so that little of a batch is padding.
        order = np.argsort(lengths, kind="stable")
        for start in range(0, len(order), TEXT_BATCH):
            rows = order[start : start + TEXT_BATCH]
            longest = max(1, int(lengths[rows].max()))
            embeddings[rows] = self._graph(
                np.ascontiguousarray(ids[rows, :longest]), np.ascontiguousarray(mask[rows, :longest])
            )
        return embeddings


def in_batches(graph: Graph, inputs: Any, *, batch_size: int = BATCH_SIZES[0]) -> np.ndarray:
    """Run a graph over the rows of `inputs`, at most `batch_size` (a power of two) at a time."""
    rows = np.arange(len(inputs))
    return np.concatenate([graph(part) for part, _ in _batches(inputs, rows, max_size=batch_size)])


def batch_size_for(config: XEncoderConfig, free: float) -> int:
    """How many clips or frames to encode at once on a GPU with this much free memory: a power of two, 1 to 512.

    A call takes up to a quarter of the memory. The memory of one item was measured on an H100 (docs/gpu.md): 60 bytes
    for each number of a token of V-JEPA 2, 13 MB for a frame of 260 x 260 in nano's convolutions.
    """
    if isinstance(config, VJepa2Config):
        item = 60.0 * config.frames * config.tokens_per_frame * config.width
    else:
        item = 13e6 * (config.image_size / 260) ** 2
    fitting = max(1, int(free / 4 / item))
    return int(min(512, 2 ** (fitting.bit_length() - 1)))


def _batches(
    inputs: Any, rows: np.ndarray, *, max_size: int = BATCH_SIZES[0]
) -> list[tuple[Any, np.ndarray]]:
    parts, start = [], 0
    while start < len(inputs):
        size = 2 ** (min(max_size, len(inputs) - start).bit_length() - 1)
        chosen = slice(start, start + size)
        part = inputs[chosen]  # a slice of a tensor's first axis is as contiguous as the tensor
        parts.append((np.ascontiguousarray(part) if isinstance(part, np.ndarray) else part, rows[chosen]))
        start += size
    return parts


def _padded(rows: np.ndarray) -> np.ndarray:
    """Repeat the last row so that the rest makes one batch rather than several, if few rows are missing for that."""
    rest = len(rows) % BATCH_SIZES[0]
    size = next((size for size in reversed(BATCH_SIZES) if size >= rest), 0)
    if not rest or rest < PADDED_SHARE * size:
        return rows
    return np.concatenate([rows, np.repeat(rows[-1:], size - rest, axis=0)])


def _shared(ids: np.ndarray, mask: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The queries that a batch needs, and which of them each row has."""
    needed, rows = np.unique(rows, return_inverse=True)
    return np.ascontiguousarray(ids[needed]), np.ascontiguousarray(mask[needed]), rows.astype(np.int64)
