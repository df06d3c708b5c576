"""Decoding by retrieval: which caption is chosen, and where a bank comes from."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jepa_retrieval.errors import ModelError, UsageError
from jepa_retrieval.models.retrieval_decoder import CaptionBank, RetrievalDecoder, project

SIZE = 16


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def random_bank(seed: int, count: int) -> CaptionBank:
    vectors = np.random.default_rng(seed).normal(size=(count, SIZE))
    return CaptionBank([f"caption {number}" for number in range(count)], unit(vectors))


class CountingEncoder:
    """Texts to vectors that depend on the text alone; counts the texts."""

    def __init__(self) -> None:
        self.encoded = 0

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        self.encoded += len(texts)
        seeds = [sum(map(ord, text)) for text in texts]
        return unit(np.stack([np.random.default_rng(seed).normal(size=SIZE) for seed in seeds]))


@given(seed=st.integers(0, 1000), count=st.integers(1, 300), temperature=st.sampled_from([0.0, 0.001]))
def test_a_caption_of_the_bank_is_found_by_its_own_embedding(
    seed: int, count: int, temperature: float
) -> None:
    bank = random_bank(seed, count)
    sentences = RetrievalDecoder(bank, temperature=temperature).decode(bank.embeddings)
    assert [sentence.text for sentence in sentences] == list(bank.texts)
    assert all(sentence.confidence == pytest.approx(1.0, abs=1e-5) for sentence in sentences)


@given(seed=st.integers(0, 1000), temperature=st.floats(0.005, 1.0))
def test_a_projection_is_a_unit_vector_among_the_captions(seed: int, temperature: float) -> None:
    bank = random_bank(seed, 40)
    asked = unit(np.random.default_rng(seed + 1).normal(size=(5, SIZE)))
    projected = project(asked, bank.embeddings, temperature=temperature)
    np.testing.assert_allclose(np.linalg.norm(projected, axis=1), 1.0, atol=1e-5)
    weights = np.exp((asked @ bank.embeddings.T).astype(np.float64) / temperature)
    expected = unit(weights / weights.sum(axis=1, keepdims=True) @ bank.embeddings)
    np.testing.assert_allclose(projected, expected, atol=1e-4)


def test_the_caption_that_its_neighbours_agree_on_wins_over_the_nearest() -> None:
    # One caption is nearest to the question, but off on its own; three others agree on another direction.
    first, second, third = np.eye(SIZE)[:3]
    lonely = first + 0.62 * third
    crowd = [first + 0.66 * second + 0.02 * offset for offset in np.eye(SIZE)[3:6]]
    bank = CaptionBank(["lonely", "a", "b", "c"], unit(np.stack([lonely, *crowd])))
    asked = unit(first[np.newaxis])
    assert RetrievalDecoder(bank, temperature=0).decode(asked)[0].text == "lonely"
    assert RetrievalDecoder(bank, temperature=0.1).decode(asked)[0].text in "abc"


def test_confidence_is_the_cosine_to_what_was_asked() -> None:
    bank = CaptionBank(["here"], unit(np.array([[3.0, 4.0] + [0.0] * (SIZE - 2)])))
    asked = np.zeros((2, SIZE), dtype=np.float32)
    asked[:, 0] = [1.0, -1.0]
    sentences = RetrievalDecoder(bank).decode(asked)
    assert sentences[0].confidence == pytest.approx(0.6)
    assert sentences[1].confidence == 0.0


def test_how_many_are_decoded_at_once_changes_nothing() -> None:
    bank = random_bank(1, 50)
    asked = unit(np.random.default_rng(2).normal(size=(150, SIZE)))
    decoder = RetrievalDecoder(bank)
    together = [sentence.text for sentence in decoder.decode(asked)]
    assert together == [decoder.decode(row[np.newaxis])[0].text for row in asked]
    assert decoder.decode(asked[:0]) == []


def test_a_bank_is_encoded_once_and_then_read_from_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JEPA_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "bank.txt"
    many = [f"Dog number {number} runs." for number in range(100)]
    file.write_text(
        "\ufeffA dog runs.\n\n  A cat sleeps. \nA dog runs.\n" + "\n".join(many), encoding="utf-8"
    )
    encoder = CountingEncoder()
    model = SimpleNamespace(y_encoder=encoder, fingerprint=lambda prompt: "f" * 64)
    first = CaptionBank.read(file, model)
    again = CaptionBank.read(file, model)
    assert encoder.encoded == 102
    assert first.texts == again.texts == ["A dog runs.", "A cat sleeps.", *many]
    np.testing.assert_array_equal(first.embeddings, again.embeddings)
    file.write_text("A bird flies.\n", encoding="utf-8")
    assert CaptionBank.read(file, model).texts == ["A bird flies."]
    assert encoder.encoded == 103


def test_an_empty_bank_is_named(tmp_path: Path) -> None:
    (tmp_path / "bank.txt").write_text("\n")
    model = SimpleNamespace(y_encoder=CountingEncoder(), fingerprint=lambda prompt: "f" * 64)
    with pytest.raises(UsageError, match=r"bank\.txt"):
        CaptionBank.read(tmp_path / "bank.txt", model)


def test_what_does_not_fit_is_refused() -> None:
    bank = random_bank(0, 3)
    with pytest.raises(ModelError, match=r"\[B, 16\]"):
        RetrievalDecoder(bank).decode(np.zeros((1, 8), dtype=np.float32))
    with pytest.raises(UsageError, match="0 or more"):
        RetrievalDecoder(bank, temperature=-1)
    with pytest.raises(UsageError, match="at least one"):
        RetrievalDecoder(CaptionBank([], np.zeros((0, SIZE), dtype=np.float32)))
