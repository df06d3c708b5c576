"""The word table of a Y-Decoder: which words the captions of each cluster have."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from jepa_retrieval.models.word_support import WordTable, content_words
from jepa_retrieval.training.data.caption_words import COLOURS, NOT_THINGS

MIN_SHARE = 0.12  # of a cluster's captions that must have a word
MIN_USES = 8  # of a word in all captions
MIN_THING_SHARE = 0.1  # of a word's uses that are `_THING` phrases: then it names a thing
MIN_ARTICLE_SHARE = 0.15  # of these that begin with "a" or "an": then the phrase has the article
MAX_WORDS = 1 << 15

# A word between an article, a number or "of" and a verb, a preposition or the end.
_THING = re.compile(
    r"\b(an?|the|his|her|their|its|two|three|four|some|several|many|of) ([a-z]+)"
    r"(?= (?:is|are|in|on|with|at|of|and|near|by|through|over|from|while|to|into|next|that|who|for)\b|\s*[,.]|$)"
)


def build_word_table(captions: Sequence[str], clusters: np.ndarray, *, count: int) -> WordTable:
    """Count the words of captions by cluster.

    Args:
        captions: the texts.
        clusters: the cluster of each, int [captions].
        count: of clusters.
    """
    of_caption = [content_words(caption) for caption in captions]
    uses = Counter(word for words in of_caption for word in words)
    known = [word for word, times in uses.most_common(MAX_WORDS) if times >= MIN_USES]
    numbers = {word: number for number, word in enumerate(known)}
    members = np.bincount(clusters, minlength=count)
    counted: list[Counter[int]] = [Counter() for _ in range(count)]
    for cluster, words in zip(clusters.tolist(), of_caption, strict=True):
        counted[cluster].update(numbers[word] for word in words if word in numbers)
    starts, columns, shares = [0], [], []
    for cluster, found in enumerate(counted):
        for number, times in sorted(found.items()):
            if (share := times / members[cluster]) >= MIN_SHARE:
                columns.append(number)
                shares.append(round(255 * share))
        starts.append(len(columns))
    return WordTable(
        known,
        np.array(starts, dtype=np.int32),
        np.array(columns, dtype=np.int16),
        np.array(shares, dtype=np.uint8),
        thing_phrases(captions, uses),
    )


def thing_phrases(captions: Iterable[str], uses: Counter[str]) -> dict[str, str]:
    """Content words that name things, and the commonest short phrase for each: "dog" to "a dog"."""
    forms: dict[str, Counter[str]] = {}
    for caption in captions:
        for article, word in _THING.findall(caption.lower()):
            for content in content_words(word):
                forms.setdefault(content, Counter())[
                    word if article not in ("a", "an") else f"{article} {word}"
                ] += 1
    return {
        word: _phrase(found)
        for word, found in forms.items()
        if uses[word] >= MIN_USES
        and found.total() >= MIN_THING_SHARE * uses[word]
        and word not in {*NOT_THINGS, *COLOURS, "gold"}
    }


def _phrase(forms: Counter[str]) -> str:
    with_article = Counter({form: times for form, times in forms.items() if form.startswith(("a ", "an "))})
    chosen = with_article if with_article.total() >= MIN_ARTICLE_SHARE * forms.total() else forms
    return chosen.most_common(1)[0][0]
