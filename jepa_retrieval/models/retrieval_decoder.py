"""Decoding by retrieval: the caption of a bank that is nearest to the embedding's projection onto the bank.

An embedding Ŝ_Y that was predicted from a picture lies outside the region of caption embeddings S_Y. So it is first
*projected* onto the bank: the mean of the captions' embeddings, weighted by how near they are (Li et al., "DeCap",
arXiv 2303.03032, equation 4). The caption nearest to the projection is the one that its neighbours agree on, which is
better than the nearest one (Devlin et al., "Exploring Nearest Neighbor Approaches for Image Captioning", arXiv
1505.04467).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jepa_retrieval.errors import ModelError, UsageError
from jepa_retrieval.models.parts import Model, Sentence, YEncoder
from jepa_retrieval.models.text_embeddings import cached_text_embeddings, embed_texts
from jepa_retrieval.text_files import read_lines

# Of the weights exp(cosine / temperature) in a projection; chosen on Flickr8k dev by
# `benchmarks.published.captioning`.
TEMPERATURE = 0.02

_BLOCK = 64  # embeddings that are compared with the bank at once


@dataclass(frozen=True, eq=False)
class CaptionBank:
    """Sentences and their embeddings."""

    texts: Sequence[str]
    embeddings: np.ndarray  # S_Y, float32 [N, E], unit length

    @classmethod
    def encode(cls, texts: Sequence[str], y_encoder: YEncoder) -> CaptionBank:
        """A bank of these sentences, each once."""
        texts = list(dict.fromkeys(texts))
        return cls(texts, embed_texts(texts, y_encoder))

    @classmethod
    def read(cls, path: Path, model: Model) -> CaptionBank:
        """The bank of a text file with a sentence a line; its embeddings are kept in the user's cache.

        Raises:
            UsageError: the file cannot be read, or holds no sentence.
            ModelError: the cache folder cannot be written.
        """
        texts = read_lines(path)
        return cls(texts, cached_text_embeddings(texts, model))


class RetrievalDecoder:
    """A Y-Decoder that returns only sentences of a bank."""

    def __init__(self, bank: CaptionBank, *, temperature: float = TEMPERATURE) -> None:
        """`temperature`: of the projection's weights; 0: the nearest caption, without a projection.

        Raises:
            UsageError: the bank is empty, or the temperature below 0.
        """
        if not len(bank.texts):
            raise UsageError("a retrieval decoder needs at least one caption")
        if temperature < 0:
            raise UsageError(
                f"the temperature of a retrieval decoder is {temperature:g}; it must be 0 or more"
            )
        self.bank = bank
        self.temperature = temperature

    def decode(self, embeddings: np.ndarray) -> list[Sentence]:
        """Ŝ_Y float32 [B, E], unit length, to a caption each."""
        size = self.bank.embeddings.shape[1]
        if embeddings.ndim != 2 or embeddings.shape[1] != size:
            raise ModelError(f"embeddings must be [B, {size}], not {list(embeddings.shape)}")
        sentences: list[Sentence] = []
        for start in range(0, len(embeddings), _BLOCK):
            sentences += self._decode(np.asarray(embeddings[start : start + _BLOCK], dtype=np.float32))
        return sentences

    def _decode(self, block: np.ndarray) -> list[Sentence]:
        points = self.bank.embeddings
        asked = project(block, points, temperature=self.temperature) if self.temperature else block
        nearest = (asked @ points.T).argmax(axis=1)
        cosines = np.einsum("be,be->b", block, points[nearest])
        return [
            Sentence(self.bank.texts[row], float(np.clip(cosine, 0.0, 1.0)))
            for row, cosine in zip(nearest.tolist(), cosines.tolist(), strict=True)
        ]


def project(embeddings: np.ndarray, points: np.ndarray, *, temperature: float) -> np.ndarray:
    """Embeddings to the weighted mean of the points near to each.

    Args:
        embeddings: Ŝ_Y float32 [B, E], unit length.
        points: S_Y of captions, float32 [N, E], unit length.
        temperature: a point weighs exp(cosine / temperature); above 0.

    Returns:
        Float32 [B, E], unit length.
    """
    blocks = []
    for start in range(0, len(embeddings), _BLOCK):
        cosines = embeddings[start : start + _BLOCK] @ points.T
        weights = np.exp((cosines - cosines.max(axis=1, keepdims=True)) / temperature)
        means = weights @ points
        blocks.append(means / np.linalg.norm(means, axis=1, keepdims=True))
    return np.concatenate(blocks)
