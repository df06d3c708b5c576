"""The four parts of VL-JEPA as protocols: what every model here can do, whatever its size.

Dimension letters: B batch, T frames, H height, W width, N visual tokens, D token width, E embedding size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from jepa_retrieval.models.config import FrameFit, Interpolation


class XEncoder(Protocol):
    """Visual input X_V to visual tokens S_V. Frozen."""

    image_size: int  # frames are image_size x image_size pixels
    # How pictures become square: the settings of `jepa_retrieval.media.frame_fit.Fit`.
    frame_fit: FrameFit
    short_side: int
    interpolation: Interpolation
    token_size: int  # D
    tokens_per_frame: int
    framewise: bool  # each frame is encoded on its own, so any T will do
    centre: float  # side of the centre crop that a frame-wise encoder gets too, as a share; 0: none

    def encode(self, frames: np.ndarray) -> np.ndarray:
        """uint8 [B, T, H, W, 3] to float32 S_V [B, N, D]."""
        ...


class Predictor(Protocol):
    """Visual tokens and a textual query to the predicted target embedding."""

    query_conditioned: bool  # False: the query has no influence

    def predict(self, tokens: np.ndarray, queries: Sequence[str]) -> np.ndarray:
        """S_V float [B, N, D] and B queries ("" for none) to Ŝ_Y float32 [B, E], unit length."""
        ...


class YEncoder(Protocol):
    """Target text Y to S_Y."""

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """B texts to S_Y float32 [B, E], unit length."""
        ...


@dataclass(frozen=True, slots=True)
class Sentence:
    """What a Y-Decoder says of one embedding."""

    text: str
    confidence: float  # 0 to 1: cosine of the sentence's own S_Y and the embedding; below 0 counts as 0


class YDecoder(Protocol):
    """An embedding back to text."""

    def decode(self, embeddings: np.ndarray) -> list[Sentence]:
        """Ŝ_Y float32 [B, E], unit length, to B sentences, each with its confidence."""
        ...


class Model(Protocol):
    """A named set of parts that share one embedding space."""

    name: str
    prompt: str  # default query X_Q for indexing
    embedding_size: int  # E
    frames_per_window: int  # maximum number of frames of a window
    temperature: float  # of the softmax over cosines that turns scores into probabilities
    languages: tuple[str, ...]  # of its training texts, ISO 639-1 codes; empty: not stated

    @property
    def answers(self) -> tuple[str, ...]:
        """The answer vocabulary, commonest first; empty if the model has none."""
        ...

    @property
    def x_encoder(self) -> XEncoder:
        """Frames to S_V."""
        ...

    @property
    def predictor(self) -> Predictor:
        """S_V and queries to Ŝ_Y."""
        ...

    @property
    def y_encoder(self) -> YEncoder:
        """Texts to S_Y."""
        ...

    @property
    def y_decoder(self) -> YDecoder | None:
        """Ŝ_Y to texts; None if the model has none."""
        ...

    def unknown_words(self, text: str) -> list[str]:
        """The words of a text that the Y-Encoder's tokenizer has no token for."""
        ...

    def fingerprint(self, prompt: str | None = None) -> str:
        """Hex hash of config, weights and prompt (None: the default): equal fingerprints, equal embeddings."""
        ...
