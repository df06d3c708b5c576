"""Which words the captions near an embedding have. Imports neither PyTorch nor OpenVINO.

If most captions near an embedding have a word, the word is likely right, whatever else those captions say. Captions
are kept as clusters, with the share of each cluster's captions that have a word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

# Of the weights exp(cosine / temperature) of clusters. This and the next three were set by hand, by looking at
# captions of Flickr8k dev; `benchmarks.studies.hallucination --fit` prints fitted ones.
TEMPERATURE = 0.08
# A word is right with probability 1 / (1 + exp(-(INTERCEPT + SLOPE log(support + EASING)))).
INTERCEPT, SLOPE, EASING = 2.6, 1.45, 0.002

_WORD = re.compile(r"[a-z]+")
# Words that say nothing about what is to be seen.
_FUNCTION_TEXT = """
    a about across after against all along among an and another are around as at away back be before behind
    being below beside between big by close down during each five for four from front he her his image in
    inside into is it its itself large many near next of off on one onto other out outside over past photo
    picture several she side six small some someone something than that the their them then there they this
    three through to together top toward towards two under up very view was were what while which who with
    within without you your
"""
_FUNCTION_WORDS = frozenset(_FUNCTION_TEXT.split())


@dataclass(frozen=True, eq=False)
class WordTable:
    """Clusters of captions and their words, as rows of a sparse matrix. M clusters, V words, K entries."""

    words: Sequence[str]  # V
    starts: np.ndarray  # int32 [M + 1]: where the entries of each cluster begin
    columns: np.ndarray  # int16 [K]: numbers of words
    shares: np.ndarray  # uint8 [K]: of the cluster's captions that have the word; 255 is all
    phrases: Mapping[str, str]  # a name for each word that stands for a thing: "dog" to "a dog"

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The number of each word."""
        return {word: number for number, word in enumerate(self.words)}

    def support(self, cosines: np.ndarray) -> np.ndarray:
        """For each word the share of captions near an embedding that have it, float32 [V].

        Args:
            cosines: of the embedding with each cluster's centre, float32 [M].
        """
        weights = np.exp((cosines - cosines.max()) / TEMPERATURE)
        weights /= weights.sum()
        entries = np.repeat(weights, np.diff(self.starts)) * self.shares
        return np.bincount(self.columns, entries / 255, minlength=len(self.words)).astype(np.float32)

    def probabilities(self, text: str, support: np.ndarray) -> np.ndarray:
        """How likely each content word of a text is right, float32; a word that no cluster has is unsupported."""
        found = [self.numbers.get(word) for word in content_words(text)]
        values = np.array([0.0 if number is None else support[number] for number in found], dtype=np.float32)
        return np.asarray(1 / (1 + np.exp(-(INTERCEPT + SLOPE * np.log(values + EASING)))), dtype=np.float32)

    def things(self, support: np.ndarray, *, count: int) -> list[str]:
        """Names of the `count` best supported things, best first."""
        best = (self.words[number] for number in np.argsort(-support, kind="stable"))
        found: list[str] = []
        for word in best:
            if len(found) == count:
                break
            if word in self.phrases:
                found.append(self.phrases[word])
        return found


def content_words(text: str) -> list[str]:
    """The different words of an English text that say what is to be seen, in the singular, in their order."""
    return list(dict.fromkeys(_content(text)))


def repetitions(text: str) -> int:
    """How many content words of a text it has had before."""
    words = _content(text)
    return len(words) - len(set(words))


def _content(text: str) -> list[str]:
    words = (word for word in _WORD.findall(text.lower()) if len(word) > 1 and word not in _FUNCTION_WORDS)
    return list(map(_singular, words))


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
