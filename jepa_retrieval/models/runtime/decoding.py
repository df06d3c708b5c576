"""The Y-Decoder over its graph: sentences token by token, and the choice of one.

Imports neither PyTorch nor OpenVINO.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from jepa_retrieval.errors import UsageError
from jepa_retrieval.models.config import YDecoderConfig
from jepa_retrieval.models.parts import Sentence, YEncoder
from jepa_retrieval.models.retrieval_decoder import project
from jepa_retrieval.models.runtime.candidates import choose
from jepa_retrieval.models.runtime.parts import BATCH_SIZES, Graph
from jepa_retrieval.models.sentences import END, SentenceTokenizer
from jepa_retrieval.models.y_decoder_files import CaptionMemory

# Beams are compared by their log probability over length to this power, so that short ones have no advantage.
LENGTH_POWER = 0.7
BEAMS = 5
NEIGHBOURS = 4  # points of the memory whose sentences are candidates too


class GraphYDecoder:
    """Ŝ_Y to sentences."""

    def __init__(
        self,
        config: YDecoderConfig,
        graph: Graph,
        tokenizer: SentenceTokenizer,
        *,
        memory: CaptionMemory | None,
        y_encoder: Callable[[], YEncoder],
    ) -> None:
        """Put the parts together.

        Args:
            config: of the graph.
            graph: a step: embeddings [B, E], last tokens [B, 1], cache and its filled length to one row of log
                probabilities and new keys and values.
            tokenizer: ids to sentences.
            memory: of captions, onto whose points embeddings are projected and which tells what words are supported;
                None for none.
            y_encoder: gives the Y-Encoder, which measures how well a sentence fits.
        """
        self.config = config
        self._graph = graph
        self._tokenizer = tokenizer
        self._memory = memory
        self._y_encoder = y_encoder
        self._of_points: dict[int, str] = {}  # sentences of the memory's points that were asked for

    def decode(self, embeddings: np.ndarray) -> list[Sentence]:
        """Ŝ_Y float32 [B, E], unit length, to a sentence each that says what its embedding supports.

        It is the best supported of several candidates (`candidates.py`), often a short name. A decoder without a
        memory of words gives the most likely sentence of a beam search.
        """
        self._check(embeddings)
        memory = self._memory
        if memory is None or memory.words is None or not len(embeddings):
            return self.generate(embeddings, beams=BEAMS)
        asked = self._projected(embeddings)
        of_neighbours = self._of_neighbours(memory, embeddings)
        candidates = [
            list(dict.fromkeys(text for text in (*self._beams(row, BEAMS), *others) if text))
            for row, others in zip(asked, of_neighbours, strict=True)
        ]
        return choose(candidates, embeddings, memory, memory.words, self._y_encoder())

    def generate(self, embeddings: np.ndarray, *, beams: int = 1) -> list[Sentence]:
        """Ŝ_Y float32 [B, E], unit length, to the sentence that the network gives each.

        Args:
            embeddings: to be decoded.
            beams: 1 is greedy; more is a beam search of that width, whose most likely sentence is returned.
        """
        self._check(embeddings)
        if beams < 1:
            raise UsageError(f"beams is {beams}; it must be 1 or more")
        asked = self._projected(embeddings)
        texts = self._greedy(asked) if beams == 1 else [self._beams(row, beams)[0] for row in asked]
        return self._with_confidence(texts, embeddings)

    def _check(self, embeddings: np.ndarray) -> None:
        if embeddings.ndim != 2:
            raise UsageError(f"embeddings must be [B, E], not {list(embeddings.shape)}")

    def _projected(self, embeddings: np.ndarray) -> np.ndarray:
        asked = np.ascontiguousarray(embeddings, dtype=np.float32)
        if self._memory is None or not len(asked):
            return asked
        return project(asked, self._memory.points, temperature=self.config.temperature)

    def _of_neighbours(self, memory: CaptionMemory, embeddings: np.ndarray) -> list[list[str]]:
        """What the network says of the points of the memory that are nearest to each embedding, [B, E].

        A point is decoded once, whichever embeddings it is near to.
        """
        nearest = [
            np.argsort(-(memory.points @ row), kind="stable")[:NEIGHBOURS].tolist() for row in embeddings
        ]
        new = sorted({point for points in nearest for point in points} - self._of_points.keys())
        self._of_points.update(zip(new, self._greedy(memory.points[new]), strict=True))
        return [[self._of_points[point] for point in points] for points in nearest]

    def _with_confidence(self, texts: list[str], embeddings: np.ndarray) -> list[Sentence]:
        if not texts:
            return []
        cosines = np.einsum("be,be->b", self._y_encoder().encode(texts), embeddings)
        return [
            Sentence(text, float(np.clip(cosine, 0.0, 1.0)) if text else 0.0)
            for text, cosine in zip(texts, cosines.tolist(), strict=True)
        ]

    def _greedy(self, embeddings: np.ndarray) -> list[str]:
        texts: list[str] = []
        while len(texts) < len(embeddings):
            left = embeddings[len(texts) :]
            size = next(size for size in BATCH_SIZES if size <= len(left))
            state = _State.begin(self.config, size)
            while not state.full and not (state.ids[:, 1:] == END).any(axis=1).all():
                state.append(self._step(left[:size], state).argmax(axis=1))
            texts += [self._tokenizer.decode(row[1:].tolist()) for row in state.ids]
        return texts

    def _beams(self, embedding: np.ndarray, beams: int) -> list[str]:
        """The finished sentences of a beam search for one embedding [E], at most `beams`, best first."""
        asked = np.repeat(embedding[np.newaxis], beams, axis=0)
        state = _State.begin(self.config, beams)
        scores = np.full(beams, -np.inf, dtype=np.float32)
        scores[0] = 0.0  # all beams begin alike: only one of them counts
        finished: list[tuple[float, list[int]]] = []  # scores and ids, best first
        while not state.full:
            totals = scores[:, np.newaxis] + self._step(asked, state)
            ended = totals[:, END] / state.length**LENGTH_POWER
            finished += [(float(ended[row]), state.ids[row, 1:].tolist()) for row in range(beams)]
            finished = sorted(finished, reverse=True)[:beams]
            totals[:, END] = -np.inf
            best = np.argpartition(-totals, beams, axis=None)[:beams]
            rows, tokens = np.unravel_index(best, totals.shape)
            scores = totals[rows, tokens]
            if finished[0][0] >= scores.max() / self.config.max_tokens**LENGTH_POWER:
                break  # no beam can become better, however long
            state.choose(rows)
            state.append(tokens)
        return [self._tokenizer.decode(ids) for _, ids in finished]

    def _step(self, embeddings: np.ndarray, state: _State) -> np.ndarray:
        """Log probabilities of the next token, float32 [B, V]; takes the keys and values into `state`."""
        filled = np.array([state.length - 1], dtype=np.int64)
        last = np.ascontiguousarray(state.ids[:, -1:])
        output = self._graph(embeddings, last, state.cache, filled)
        log_probabilities, news = np.split(output, [self.config.vocabulary], axis=1)
        state.cache[:, :, state.length - 1] = news.reshape(len(news), -1, self.config.width)
        return log_probabilities


@dataclass
class _State:
    """The tokens so far, by row."""

    ids: np.ndarray  # int64 [B, T]; the first is `END`
    cache: np.ndarray  # keys and values of all but the last, float32 [B, 2 * layers, max_tokens, W]

    @classmethod
    def begin(cls, config: YDecoderConfig, rows: int) -> _State:
        cache = np.zeros((rows, 2 * config.layers, config.max_tokens, config.width), dtype=np.float32)
        return cls(np.full((rows, 1), END, dtype=np.int64), cache)

    @property
    def length(self) -> int:
        return self.ids.shape[1]

    @property
    def full(self) -> bool:
        return self.length >= self.cache.shape[2]

    def append(self, tokens: np.ndarray) -> None:
        self.ids = np.concatenate([self.ids, tokens[:, np.newaxis].astype(np.int64)], axis=1)

    def choose(self, rows: np.ndarray) -> None:
        self.ids, self.cache = self.ids[rows], np.ascontiguousarray(self.cache[rows])
