"""A tiny model whose embeddings can be worked out by hand, for tests of the tasks."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from benchmarks.shared.embedder import Embedder

COLOURS = {
    "red": (200, 40, 40),
    "green": (40, 180, 60),
    "blue": (40, 60, 200),
    "yellow": (220, 200, 40),
}


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


class ColourXEncoder:
    """S_V is the mean colour of a frame."""

    image_size = 16
    token_size = 3
    tokens_per_frame = 1
    framewise = True
    centre = 0.0
    frame_fit, short_side, interpolation = "squeeze", 0, "bicubic"

    def __init__(self) -> None:
        self.frames = 0  # that were encoded so far

    def encode(self, frames: np.ndarray) -> np.ndarray:
        self.frames += len(frames)
        return frames.mean(axis=(2, 3)).astype(np.float32) / 255


class ColourPredictor:
    """Ŝ_Y is the colour; a question with "opposite" in it gets the opposite."""

    query_conditioned = True

    def predict(self, tokens: np.ndarray, queries: Sequence[str]) -> np.ndarray:
        away = tokens.mean(axis=1) - 0.5 + 1e-3
        signs = [-1.0 if "opposite" in query.lower() else 1.0 for query in queries]
        return unit(away * np.array(signs)[:, None])


class ColourYEncoder:
    """S_Y is the colour that the text names."""

    def __init__(self) -> None:
        self.texts = 0

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        self.texts += len(texts)
        return unit(np.stack([self._colour(text) for text in texts]))

    def _colour(self, text: str) -> np.ndarray:
        for name, colour in COLOURS.items():
            if name in text.lower():
                return np.array(colour) / 255 - 0.5
        return np.array([0.1, 0.1, 0.1])


class ColourModel:
    """Knows four colours."""

    name = "colours"
    prompt = ""
    embedding_size = 3
    frames_per_window = 4
    y_decoder = None

    def __init__(self) -> None:
        self.x_encoder = ColourXEncoder()
        self.predictor = ColourPredictor()
        self.y_encoder = ColourYEncoder()

    def fingerprint(self, prompt: str | None = None) -> str:
        return "0123456789abcdef" * 4


@pytest.fixture
def model() -> ColourModel:
    return ColourModel()


@pytest.fixture
def embedder(model: ColourModel, tmp_path: Path) -> Embedder:
    return Embedder(model, cache=tmp_path / "cache")


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """One thread of PyTorch: small networks learn faster without waiting for others."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
