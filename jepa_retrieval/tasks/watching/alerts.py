"""Alerts: report when a sentence becomes true of a stream.

How well a sentence fits says little by itself: some sentences fit everything a little. So its confidence is the
probability that it, and none of a hundred ordinary sentences, belongs to the picture: the softmax over cosines that
the model was trained with, at the model's own temperature.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jepa_retrieval.arguments import as_list
from jepa_retrieval.errors import UsageError
from jepa_retrieval.models.parts import Model
from jepa_retrieval.tasks.encoding.known_words import check_words
from jepa_retrieval.tasks.encoding.reference_texts import ordinary_sentences

DEFAULT_CONFIDENCE = 0.5
_POOLED_WINDOWS = 2  # their mean is compared with a sentence: one odd frame is no event
_RELEASE = 0.7  # share of the minimum confidence below which it must fall before the alert can fire again
_SAME_MEANING = 0.6  # minimum cosine of an ordinary sentence that says the same as the alert


@dataclass(frozen=True, slots=True)
class Alert:
    """A sentence has become true."""

    text: str
    start: float  # seconds: of the window that it was seen in
    end: float
    confidence: float  # 0 to 1


class TargetWatch:
    """Compares vectors with a stream; each fires when it becomes true, and again only after it was not.

    Args:
        targets: what to look for, float32 [A, E], unit length.
        ordinary: embeddings of ordinary sentences, float32 [N, E].
        temperature: of the model's softmax.
        confidence: minimum confidence to fire.
    """

    def __init__(
        self, targets: np.ndarray, ordinary: np.ndarray, *, temperature: float, confidence: float
    ) -> None:
        self._targets = targets
        self._ordinary = ordinary
        self._different = targets @ ordinary.T < _SAME_MEANING
        self._temperature = temperature
        self._confidence = confidence
        self._recent: deque[np.ndarray] = deque(maxlen=_POOLED_WINDOWS)
        self._firing = np.zeros(len(targets), bool)

    def push(self, embedding: np.ndarray) -> list[tuple[int, float]]:
        """Take the next window, with Ŝ_Y float [E]; return the rows that fire with it, each with its confidence."""
        self._recent.append(embedding)
        if len(self._recent) < _POOLED_WINDOWS:
            return []
        confidences = self.confidences(np.mean(self._recent, axis=0))
        begins = ~self._firing & (confidences >= self._confidence)
        self._firing = begins | (self._firing & (confidences >= _RELEASE * self._confidence))
        return [(row, float(confidences[row])) for row in np.flatnonzero(begins).tolist()]

    def confidences(self, embedding: np.ndarray) -> np.ndarray:
        """Confidence of each target, float [A], 0 to 1, for a Ŝ_Y float [E]."""
        unit = embedding / max(float(np.linalg.norm(embedding)), 1e-12)
        own = self._targets @ unit
        # Both sides are divided by the target's own exponential, so that nothing overflows.
        others = np.exp((self._ordinary @ unit - own[:, np.newaxis]) / self._temperature)
        confidences: np.ndarray = 1.0 / (1.0 + (others * self._different).sum(axis=1))
        return confidences

    def gap(self) -> None:
        """The stream was interrupted: windows after it are not averaged with those before."""
        self._recent.clear()


class AlertWatch:
    """Compares sentences with a stream; each fires when it becomes true, and again only after it was not.

    Args:
        texts: the sentences.
        model: whose Y-Encoder reads them.
        confidence: minimum confidence to fire an alert, between 0 and 1.
    """

    def __init__(self, texts: Sequence[str], model: Model, *, confidence: float = DEFAULT_CONFIDENCE) -> None:
        if not 0 < confidence < 1:
            raise UsageError(f"the confidence of an alert must be between 0 and 1, not {confidence:g}")
        texts = as_list("alerts", texts, example="['a person falls']")
        if any(not text.strip() for text in texts):
            raise UsageError("the text of an alert is empty")
        self.warnings = check_words(texts, model).warnings
        self._texts = list(texts)
        self._watch: TargetWatch | None = None
        if texts:
            encoded = model.y_encoder.encode([*texts, *ordinary_sentences()])
            self._watch = TargetWatch(
                encoded[: len(texts)],
                encoded[len(texts) :],
                temperature=model.temperature,
                confidence=confidence,
            )

    def push(self, start: float, end: float, embedding: np.ndarray) -> list[Alert]:
        """Take the next window, with Ŝ_Y float [E]; return the alerts that begin with it."""
        begin = [] if self._watch is None else self._watch.push(embedding)
        return [Alert(self._texts[row], start, end, confidence) for row, confidence in begin]

    def confidences(self, embedding: np.ndarray) -> np.ndarray:
        """Confidence of each sentence, float [A], 0 to 1, for a Ŝ_Y float [E]."""
        return np.zeros(0) if self._watch is None else self._watch.confidences(embedding)

    def gap(self) -> None:
        """The stream was interrupted: windows after it are not averaged with those before."""
        if self._watch is not None:
            self._watch.gap()
