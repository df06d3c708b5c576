"""The choice among sentences for an embedding: it says no more than the captions near the embedding support.

A sentence's value is the sum over its content words of the probability that the word is right (`word_support.py`),
less `DOUBT`: a word that is more likely right than that adds to the sentence, any other takes from it, and so does
one that the sentence repeats ("a hand holding a hand"), which a beam search likes for its likelihood. So where
little is certain, "a dog" wins over "a black dog is running through a field". The names of the best supported
things are candidates too. Class names such as "an orangutan" are too rare in captions to be supported by them: the
nearest one wins if its own S_Y is nearer to the embedding than that of every other candidate.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jepa_retrieval.models.parts import Sentence, YEncoder
from jepa_retrieval.models.sentences import as_sentence
from jepa_retrieval.models.word_support import WordTable, repetitions
from jepa_retrieval.models.y_decoder_files import CaptionMemory

# Set by hand, by looking at sentences for samples of Flickr8k dev, Panda-70M and the ImageNet samples.
DOUBT = 0.5
COSINE_WEIGHT = 5.0  # of a sentence's own cosine in its value
NAME_MARGIN = 0.02  # by which a class name must be nearer than every other candidate
THINGS = 3  # names of supported things among the candidates


def choose(
    candidates: Sequence[Sequence[str]],
    embeddings: np.ndarray,
    memory: CaptionMemory,
    words: WordTable,
    y_encoder: YEncoder,
) -> list[Sentence]:
    """The best sentence for each embedding.

    Args:
        candidates: generated sentences for each embedding.
        embeddings: Ŝ_Y float32 [B, E], unit length.
        memory: of captions.
        words: of the memory's clusters.
        y_encoder: gives the sentences' own S_Y.

    Returns:
        B sentences; the confidence is the cosine of the sentence's own S_Y, as everywhere.
    """
    supports = [words.support(memory.points @ embedding) for embedding in embeddings]
    texts = [
        list(dict.fromkeys([*sentences, *map(as_sentence, words.things(support, count=THINGS))]))
        for sentences, support in zip(candidates, supports, strict=True)
    ]
    different = list(dict.fromkeys(text for row in texts for text in row))
    own = dict(zip(different, y_encoder.encode(different), strict=True))
    chosen = []
    for sentences, embedding, support in zip(texts, embeddings, supports, strict=True):
        cosines = np.stack([own[text] for text in sentences]) @ embedding
        gains = [
            float((words.probabilities(text, support) - DOUBT).sum()) - DOUBT * repetitions(text)
            for text in sentences
        ]
        best = int(np.argmax(np.array(gains) + COSINE_WEIGHT * cosines))
        sentence = Sentence(sentences[best], _confidence(cosines[best]))
        chosen.append(_nearest_name(memory, embedding, beyond=cosines.max()) or sentence)
    return chosen


def _nearest_name(memory: CaptionMemory, embedding: np.ndarray, *, beyond: float) -> Sentence | None:
    """The class name nearest to an embedding [E], if it is `NAME_MARGIN` nearer than all other candidates."""
    if not len(memory.names):
        return None
    cosines = memory.name_embeddings @ embedding
    nearest = int(cosines.argmax())
    if cosines[nearest] < beyond + NAME_MARGIN:
        return None
    return Sentence(as_sentence(memory.names[nearest]), _confidence(cosines[nearest]))


def _confidence(cosine: float) -> float:
    return float(np.clip(cosine, 0.0, 1.0))
