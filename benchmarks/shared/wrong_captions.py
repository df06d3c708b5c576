"""Wrong captions that rules make from right ones: nearly all words stay, the meaning does not.

A text tower embeds such pairs alike, while a picture tells them apart, so they are hard negatives (NegCLIP:
Yuksekgonul et al., arXiv 2210.01936). The rules exchange two things or two attributes, or replace an attribute, a
relation, a person, a verb or a thing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from jepa_retrieval.training.data.caption_words import COLOURS, NUMBERS

Words = list[str]
Rule = Callable[[Words, np.random.Generator], Words | None]

COMMON_VERBS, COMMON_THINGS = 120, 400  # how many words replace others
MAX_PHRASE = 3  # words after a determiner
MIN_VERB = 6  # letters of a word in -ing


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_DETERMINERS = _words("a an the his her their its some one another two three four five several")
_AFTER_A_VERB = _words("a an the his her its their")
_NO_PART_OF_A_PHRASE = _words(
    """in on at of with by near from to into onto over under behind beside through across along around against
    between above below off up down inside outside toward towards while as and or is are was were that which who for
    during after before next beneath underneath among past like has have"""
)
_NO_VERBS = _words(
    """during morning evening building ceiling clothing string spring wedding railing painting anything something
    everything nothing being including"""
)


def _both_ways(pairs: str) -> dict[str, str]:
    listed = [pair.split("/") for pair in pairs.split(", ")]
    return {word: other for pair in listed for word, other in (pair, pair[::-1])}


_OPPOSITES = _both_ways(
    "small/large, little/big, tall/short, long/short, young/old, wet/dry, open/closed, empty/full, light/dark, "
    "wooden/metal"
)
_PEOPLE = _both_ways("man/woman, men/women, boy/girl, boys/girls, he/she")
_RELATIONS = _both_ways(
    "on/under, in front of/behind, above/below, into/out of, over/under, inside/outside, up/down, near/far from, "
    "with/without, sitting/standing, walking/running, left/right, toward/away from, holding/throwing"
) | {
    "through": "around",
    "next to": "on top of",
    "beside": "on top of",
    "in": "next to",
    "wearing": "carrying",
}
_RELATION = re.compile(rf"\b({'|'.join(sorted(_RELATIONS, key=len, reverse=True))})\b")
ATTRIBUTES = frozenset([*COLOURS, *_OPPOSITES, *NUMBERS, "one"])
_SYMMETRIC = frozenset(["and", "or", "near", "beside", "next to"])
_WORD = re.compile(r"[a-z]+")


@dataclass(frozen=True)
class Vocabulary:
    """Words that replace others, and how often each is drawn: by the square root of its count."""

    verbs: Counter[str]
    things: Counter[str]

    @classmethod
    def of(cls, captions: Iterable[str]) -> Vocabulary:
        """The commonest verbs in -ing, and the last words of noun phrases."""
        verbs: Counter[str] = Counter()
        things: Counter[str] = Counter()
        for caption in captions:
            words = caption.lower().split()
            verbs.update(word for word in words if _is_verb(word))
            things.update(words[end - 1] for _, end in noun_phrases(words))
        return cls(
            Counter(dict(verbs.most_common(COMMON_VERBS))), Counter(dict(things.most_common(COMMON_THINGS)))
        )


class WrongCaptions:
    """The rules with a vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self.rules: dict[str, Rule] = {
            "things exchanged": _exchange_things,
            "attributes exchanged": _exchange_attributes,
            "another attribute": _replace_attribute,
            "another relation": _replace_relation,
            "another person": _replace_people,
            "another verb": self._replace_verb,
            "another thing": self._replace_thing,
        }

    def of(self, caption: str) -> dict[str, str]:
        """A wrong caption by each rule that applies; the same for the same caption."""
        words = caption.lower().split()
        random = np.random.default_rng([len(caption), *caption.encode(errors="surrogatepass")[:64]])
        found = {}
        for name, rule in self.rules.items():
            made = rule(list(words), random)
            if made is not None and made != words:
                found[name] = " ".join(made)
        return found

    def _replace_verb(self, words: Words, random: np.random.Generator) -> Words | None:
        places = [place for place, word in enumerate(words) if _is_verb(word)]
        return self._replace_one(words, places, self._vocabulary.verbs, random)

    def _replace_thing(self, words: Words, random: np.random.Generator) -> Words | None:
        places = [end - 1 for _, end in noun_phrases(words)]
        return self._replace_one(words, places, self._vocabulary.things, random)

    @staticmethod
    def _replace_one(
        words: Words, places: Sequence[int], others: Counter[str], random: np.random.Generator
    ) -> Words | None:
        if not places or not others:
            return None
        shares = np.sqrt(list(others.values()))
        drawn = random.choice(list(others), p=shares / shares.sum())
        words[places[int(random.integers(len(places)))]] = str(drawn)
        return words


def noun_phrases(words: Sequence[str]) -> list[tuple[int, int]]:
    """Begin and end of the words after each determiner, up to the next preposition, verb or mark."""
    found = []
    for place, word in enumerate(words):
        if word not in _DETERMINERS:
            continue
        end = place + 1
        while end < len(words) and end - place <= MAX_PHRASE and _may_be_in_a_phrase(words[end]):
            follows = words[end + 1] if end + 1 < len(words) else ""
            if end > place + 1 and words[end].endswith("s") and follows in _AFTER_A_VERB:
                break  # "a girl holds a stick"
            end += 1
        if end > place + 1:
            found.append((place + 1, end))
    return found


def _may_be_in_a_phrase(word: str) -> bool:
    is_verb = word.endswith(("ing", "ed")) and len(word) > 4
    return bool(_WORD.fullmatch(word)) and word not in _NO_PART_OF_A_PHRASE | _DETERMINERS and not is_verb


def _is_verb(word: str) -> bool:
    return word.endswith("ing") and len(word) >= MIN_VERB and word.isalpha() and word not in _NO_VERBS


def _exchange_things(words: Words, random: np.random.Generator) -> Words | None:
    """Two noun phrases, without their determiners, in each other's place."""
    # "A man and a woman" are the same two in the other order.
    phrases = noun_phrases(words)
    pairs = [
        (first, second)
        for row, first in enumerate(phrases)
        for second in phrases[row + 1 :]
        if words[slice(*first)] != words[slice(*second)]
        and " ".join(words[first[1] : second[0] - 1]) not in _SYMMETRIC
    ]
    if not pairs:
        return None
    (a, b), (c, d) = pairs[int(random.integers(len(pairs)))]
    return [*words[:a], *words[c:d], *words[b:c], *words[a:b], *words[d:]]


def _exchange_attributes(words: Words, random: np.random.Generator) -> Words | None:
    places = [place for place, word in enumerate(words) if word in ATTRIBUTES]
    # "A black and white dog" is the same dog in the other order.
    pairs = [
        (a, b)
        for row, a in enumerate(places)
        for b in places[row + 1 :]
        if words[a] != words[b] and words[a + 1 : b] not in ([], ["and"], ["or"])
    ]
    if not pairs:
        return None
    a, b = pairs[int(random.integers(len(pairs)))]
    words[a], words[b] = words[b], words[a]
    return words


def _replace_attribute(words: Words, random: np.random.Generator) -> Words | None:
    places = [place for place, word in enumerate(words) if word in ATTRIBUTES]
    if not places:
        return None
    place = places[int(random.integers(len(places)))]
    word = words[place]
    if word in _OPPOSITES:
        others = [_OPPOSITES[word]]
    else:
        alike = COLOURS if word in COLOURS else tuple(NUMBERS)
        others = [other for other in alike if other != word and {other, word} != {"gray", "grey"}]
    words[place] = others[int(random.integers(len(others)))]
    return words


def _replace_relation(words: Words, random: np.random.Generator) -> Words | None:
    text = " ".join(words)
    found = list(_RELATION.finditer(text))
    if not found:
        return None
    match = found[int(random.integers(len(found)))]
    return f"{text[: match.start()]}{_RELATIONS[match[1]]}{text[match.end() :]}".split()


def _replace_people(words: Words, _: np.random.Generator) -> Words | None:
    if not any(word in _PEOPLE for word in words):
        return None
    return [_PEOPLE.get(word, word) for word in words]
