"""CIDEr: how much a sentence agrees with reference sentences, by the n-grams that are rare in a corpus.

Vedantam et al., "CIDEr: Consensus-based Image Description Evaluation", arXiv 1411.5726, in the variant CIDEr-D
(counts clipped, a penalty for another length), which the COCO evaluation server and most papers call CIDEr. Scores
are the usual ones times 100, as papers print them; 1,000 is the most.

Texts are tokenised as that server does it, by the rules of the Penn Treebank, in lower case and without punctuation.
The server's tokeniser is a Java program; on 118,637 captions of Flickr8k, MSVD, ActivityNet, Panda-70M and the
abstract scenes that come with CIDEr's own code (vrama91/cider) the one here gives other words for 35, none of them in
those scenes.

The weights of n-grams depend on a corpus. A figure says which one, or it means nothing.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from nltk.tokenize import TreebankWordTokenizer

LENGTHS = 4  # n-grams of 1 to 4 words
SIGMA = 6.0  # of the penalty for another length, in words
SCALE = 10.0 * 100.0

# What the server's tokeniser drops. Parentheses stay, as "-lrb-": it looks for them in capitals, after lower-casing.
PUNCTUATION = frozenset(["''", "'", "``", "`", ".", "?", "!", ",", ":", "-", "--", "...", ";"])

_QUOTES = str.maketrans("‘’“”", "''\"\"")
# What the server's tokeniser sees and nltk does not: the end of a sentence inside a text, dots in a row, a slash at
# the end of a word, an opening quotation mark.
_RULES = (
    (re.compile(r"(?<=\w\w)(?<!\b[MDSJ][rst])(?<!\bMrs)(?<!\bvs)(?<!\betc)\.(?=\s)"), " ."),
    (re.compile(r"(?<!\.)\.{2,5}(?!\.)"), " ... "),
    (re.compile(r"/(?=\s|$)"), " /"),
    (
        re.compile(r"(?<!\S)'(?=\w)(?!(?:s|d|m|ll|re|ve|t|tis|twas|em|n|til|cause|\d\ds?)\b)", re.IGNORECASE),
        "` ",
    ),
)

NGram = tuple[str, ...]


class _Weighted(NamedTuple):
    """A sentence as weights of its n-grams, by length."""

    weights: tuple[dict[NGram, float], ...]  # LENGTHS of them
    norms: tuple[float, ...]
    words: int  # counted as pairs of neighbours, as the reference implementation does


class Cider:
    """CIDEr-D with the document frequencies of one corpus."""

    def __init__(self, corpus: Sequence[Sequence[str]]) -> None:
        """`corpus`: groups of references, a group per picture or event; usually all references of a test set.

        Raises:
            ValueError: the corpus has fewer than two groups, so that no n-gram is rarer than another.
        """
        if len(corpus) < 2:
            raise ValueError("CIDEr needs a corpus of at least two groups of references")
        self._documents = float(np.log(len(corpus)))
        self._frequencies: Counter[NGram] = Counter()
        for group in corpus:
            self._frequencies.update({ngram for text in group for ngram in ngrams(text)})
        self._weigh_once = lru_cache(maxsize=100_000)(self._weigh)

    def scores(self, candidates: Sequence[str], references: Sequence[Sequence[str]]) -> np.ndarray:
        """The score of each candidate against its own references: float64 [B], 0 to 1,000."""
        if len(candidates) != len(references):
            raise ValueError(f"{len(candidates)} candidates, but references for {len(references)}")
        return np.array([self._score(*pair) for pair in zip(candidates, references, strict=True)])

    def _score(self, candidate: str, references: Sequence[str]) -> float:
        own = self._weigh_once(candidate)
        return SCALE * float(np.mean([_similarity(own, self._weigh_once(text)) for text in references]))

    def _weigh(self, text: str) -> _Weighted:
        weights: tuple[dict[NGram, float], ...] = tuple({} for _ in range(LENGTHS))
        for ngram, count in ngrams(text).items():
            rarity = self._documents - float(np.log(max(1, self._frequencies[ngram])))
            weights[len(ngram) - 1][ngram] = count * rarity
        norms = tuple(float(np.sqrt(sum(value**2 for value in part.values()))) for part in weights)
        return _Weighted(weights, norms, max(0, len(tokenise(text)) - 1))


def _similarity(candidate: _Weighted, reference: _Weighted) -> float:
    """The mean over lengths of the n-grams' clipped cosines, less for another number of words."""
    total = 0.0
    for own, other, *norms in zip(
        candidate.weights, reference.weights, candidate.norms, reference.norms, strict=True
    ):
        shared = sum(
            min(value, other[ngram]) * other[ngram] for ngram, value in own.items() if ngram in other
        )
        total += shared / (norms[0] * norms[1]) if shared else 0.0
    difference = candidate.words - reference.words
    return total / LENGTHS * float(np.exp(-(difference**2) / (2 * SIGMA**2)))


def ngrams(text: str) -> Counter[NGram]:
    """The n-grams of a text, of 1 to 4 words, and how often each occurs."""
    words = tokenise(text)
    return Counter(
        tuple(words[start : start + length])
        for length in range(1, LENGTHS + 1)
        for start in range(len(words) - length + 1)
    )


@lru_cache(maxsize=100_000)
def tokenise(text: str) -> tuple[str, ...]:
    """The words of a text: Penn Treebank, lower case, no punctuation."""
    text = html.unescape(text).translate(_QUOTES)
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    words = _treebank.tokenizer.tokenize(text, convert_parentheses=True)
    return tuple(word.lower() for word in words if word not in PUNCTUATION)


class _Treebank:
    @cached_property
    def tokenizer(self) -> TreebankWordTokenizer:
        from nltk.tokenize import TreebankWordTokenizer

        return TreebankWordTokenizer()


_treebank = _Treebank()
