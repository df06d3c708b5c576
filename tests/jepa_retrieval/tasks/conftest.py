"""A model whose embeddings can be told by hand, and an index of clips in its space."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from indexes import Index
from indexes.records import ClipRecord, MediaRecord
from tests.jepa_retrieval.tasks.colour_model import ColourModel

# The axes of the space. "dark" and "light" are what the question about brightness is answered with.
AXES = ("dog", "cat", "car", "dark", "light", "other")


def unit(*parts: str) -> np.ndarray:
    """The direction of the named axes together, float32 [6]."""
    vector = np.zeros(len(AXES), np.float32)
    for part in parts:
        vector[AXES.index(part)] += 1.0
    return vector / np.linalg.norm(vector)


class HandModel:
    """Texts lie on the axes that they name. A question about brightness sees these two axes alone."""

    name = "by-hand"
    prompt = ""
    embedding_size = len(AXES)
    frames_per_window = 2
    temperature = 0.1
    answers: tuple[str, ...] = ("dark", "light", "dog")
    languages: tuple[str, ...] = ("en",)
    y_decoder = None

    def __init__(self, *, query_conditioned: bool = True) -> None:
        self.query_conditioned = query_conditioned
        self.asked: list[str] = []
        self.encoded: list[str] = []

    @property
    def predictor(self) -> "HandModel":
        return self

    @property
    def y_encoder(self) -> "HandModel":
        return self

    def predict(self, tokens: np.ndarray, queries: Sequence[str]) -> np.ndarray:
        self.asked += queries
        seen = tokens.mean(axis=1)
        bright = np.array(["bright" in query for query in queries])
        seen[bright, :3] = 0.0
        return (seen / np.linalg.norm(seen, axis=1, keepdims=True).clip(min=1e-6)).astype(np.float32)

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        self.encoded += texts
        named = [[axis for axis in AXES if axis in text] or ["other"] for text in texts]
        return np.stack([unit(*axes) for axes in named])

    def unknown_words(self, text: str) -> list[str]:
        return [word for word in text.split() if word.startswith("zq")]

    def fingerprint(self, prompt: str | None = None) -> str:
        return f"by hand {prompt}"


@pytest.fixture
def model() -> HandModel:
    return HandModel()


@pytest.fixture
def colour_model(monkeypatch: pytest.MonkeyPatch) -> ColourModel:
    """The model that libraries are made, indexed and searched with."""
    made = ColourModel()
    for module in ("library", "library_search", "tasks.indexing.update"):
        monkeypatch.setattr(f"jepa_retrieval.{module}.load_model", lambda name: made)
    return made


MakeIndex = Callable[..., Index]


@pytest.fixture
def make_index(tmp_path: Path) -> MakeIndex:
    """Makes an index of files, each a list of clips (start, end, axes); `None` as start and end makes an image."""

    def make(
        files: dict[str, list[tuple[float | None, float | None, tuple[str, ...]]]], *, tokens: bool = True
    ) -> Index:
        index = Index.create(
            tmp_path / "index", model="by-hand", prompt="", fingerprint="f", embedding_size=len(AXES)
        )
        with index.writer() as writer:
            for path, clips in files.items():
                is_image = clips[0][0] is None
                media = MediaRecord(
                    path=path, size=1, mtime_ns=1, content_hash=path, kind="image" if is_image else "video"
                )
                writer.put(
                    media,
                    [
                        ClipRecord(
                            start=start,
                            end=end,
                            embedding=unit(*axes),
                            # Clips differ in their number of tokens, as windows of a changing resolution would.
                            tokens=np.tile(unit(*axes), (1 + row % 2, 1)).astype(np.float16)
                            if tokens
                            else None,
                        )
                        for row, (start, end, axes) in enumerate(clips)
                    ],
                )
        index.refresh()
        return index

    return make
