"""A model whose meanings are colours: quick, and every result can be told beforehand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jepa_retrieval.models.parts import Sentence
from tests.media_factory import BLUE, GREEN, RED, YELLOW

COLOURS = {"red": RED, "green": GREEN, "blue": BLUE, "yellow": YELLOW}
_NEUTRAL = 4  # the direction of texts without a colour


def directions(pictures: np.ndarray) -> np.ndarray:
    """float [B, 3] colours to unit vectors [B, 5], one axis for each known colour."""
    known = np.array(list(COLOURS.values()), float)
    nearest = np.linalg.norm(pictures[:, None] - known, axis=2).argmin(axis=1)
    return np.eye(5, dtype=np.float32)[nearest]


class ColourModel:
    """The four verbs over colours."""

    name = "colours"
    prompt = ""
    embedding_size = 5
    frames_per_window = 4
    temperature = 0.07
    centre = 0.0
    frame_fit, short_side, interpolation = "squeeze", 0, "bicubic"
    answers = ()
    languages: tuple[str, ...] = ("en",)
    query_conditioned = True  # the answer is the same colour, whatever was asked

    def __init__(self, *, framewise: bool = True) -> None:
        self.framewise = framewise
        self.image_size = 32
        self.token_size = 3
        self.tokens_per_frame = 1
        self.batches: list[int] = []

    @property
    def x_encoder(self) -> ColourModel:
        return self

    @property
    def predictor(self) -> ColourModel:
        return self

    @property
    def y_encoder(self) -> ColourTexts:
        return ColourTexts()

    @property
    def y_decoder(self) -> ColourDecoder:
        return ColourDecoder()

    def encode(self, frames: np.ndarray) -> np.ndarray:
        self.batches.append(len(frames))
        assert self.framewise or frames.shape[1] == self.frames_per_window
        return frames[:, :, -4:, -4:].mean(axis=(2, 3)).astype(np.float32)

    def predict(self, tokens: np.ndarray, queries: Sequence[str]) -> np.ndarray:
        assert len(tokens) == len(queries)
        return directions(tokens.mean(axis=1))

    def unknown_words(self, text: str) -> list[str]:
        return [word for word in text.split() if word.startswith("zq")]

    def fingerprint(self, prompt: str | None = None) -> str:
        return "colours"


class ColourTexts:
    """Texts by the colour that they name."""

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        names = list(COLOURS)
        rows = [next((i for i, name in enumerate(names) if name in text.split()), _NEUTRAL) for text in texts]
        return np.eye(5, dtype=np.float32)[rows]


class ColourDecoder:
    """Names the strongest colour."""

    def decode(self, embeddings: np.ndarray) -> list[Sentence]:
        names = list(COLOURS)
        return [
            Sentence(f"The picture is {names[int(row[:4].argmax())]}.", float(row.max()))
            for row in embeddings
        ]
