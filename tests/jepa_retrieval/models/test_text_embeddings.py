"""Long lists of texts are embedded once; what is cached belongs to these texts and this model alone."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from jepa_retrieval.models.text_embeddings import MIN_CACHED, cached_text_embeddings

TEXTS = [f"dog {number}" for number in range(MIN_CACHED)]


class Encoder:
    """Gives each text a number of its own, and counts the texts."""

    def __init__(self) -> None:
        self.encoded = 0

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        self.encoded += len(texts)
        return np.array([[len(text), sum(map(ord, text))] for text in texts], dtype=np.float32)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JEPA_CACHE", str(tmp_path))


def model_of(encoder: Encoder, fingerprint: str = "a" * 64) -> Any:
    return SimpleNamespace(y_encoder=encoder, fingerprint=lambda prompt: fingerprint)


def test_a_long_list_is_encoded_once() -> None:
    encoder = Encoder()
    first = cached_text_embeddings(TEXTS, model_of(encoder))
    np.testing.assert_array_equal(cached_text_embeddings(TEXTS, model_of(encoder)), first)
    assert encoder.encoded == len(TEXTS)


def test_other_texts_and_other_models_have_other_entries() -> None:
    encoder = Encoder()
    cached_text_embeddings(TEXTS, model_of(encoder))
    cached_text_embeddings([*TEXTS[1:], "cat"], model_of(encoder))
    cached_text_embeddings(TEXTS, model_of(encoder, "b" * 64))
    # The same characters, divided into texts in another way.
    cached_text_embeddings(["\n".join(TEXTS[:2]), *TEXTS[2:], "x"], model_of(encoder))
    cached_text_embeddings([*TEXTS[:2], "\n".join([*TEXTS[2:4]]), *TEXTS[4:], "x"], model_of(encoder))
    assert encoder.encoded == 5 * len(TEXTS)


def test_a_short_list_is_not_kept(tmp_path: Path) -> None:
    encoder = Encoder()
    assert cached_text_embeddings(TEXTS[:3], model_of(encoder)).shape == (3, 2)
    assert list(tmp_path.iterdir()) == []
