"""Things that a sentence names and that are not there: CHAIR, with WordNet in place of a list of COCO's things.

Rohrbach et al., "Object Hallucination in Image Captioning", arXiv 1809.02156: the share of named things that no
reference names. Where the paper has synonyms of COCO's 80 things, a thing is supported here if a reference names
it, a synonym, or a kind of it ("an animal" is supported by "a dog", "a dog" not by "an animal"). As in the paper,
men, women, children and persons count as the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

MAX_WORDS = 3  # of a name, such as "traffic light"
# The lexicographer's files of what can be seen: animals, artefacts, bodies, food, objects, persons, plants,
# substances; and the highest nouns of all of them.
_VISIBLE = {3, 5, 6, 8, 13, 17, 18, 20, 27}
_PERSON = 18
_NO_THINGS = {
    "air",
    "group",
    "front",
    "back",
    "background",
    "photo",
    "picture",
    "image",
    "object",
    "thing",
    "colour",
    "color",
}
_WORD = re.compile(r"[a-z]+(?:[-'][a-z]+)*")


class Meaning(Protocol):
    """What is needed of a meaning."""

    @property
    def number(self) -> int:
        """Tells it from others."""
        ...

    @property
    def field(self) -> int:
        """Number of the lexicographer's file."""
        ...


AnyMeaning = TypeVar("AnyMeaning", bound=Meaning)


class Nouns(Protocol[AnyMeaning]):
    """What is needed of WordNet."""

    def lemma(self, word: str) -> str:
        """The singular of a noun."""
        ...

    def senses(self, word: str) -> Sequence[AnyMeaning]:
        """Its commonest meanings."""
        ...

    def kinds(self, synset: AnyMeaning) -> set[int]:
        """A meaning and all that it is a kind of."""
        ...

    def is_mostly_noun(self, lemma: str) -> bool:
        """Whether it is used as a noun mostly."""
        ...


class Chair(NamedTuple):
    """Figures of many sentences."""

    things: int  # that the sentences name
    unsupported: float  # share of them that no reference names: CHAIR_i
    sentences: float  # share of the sentences with such a thing: CHAIR_s


class Things(Generic[AnyMeaning]):
    """Names of visible things in texts."""

    def __init__(self, nouns: Nouns[AnyMeaning]) -> None:
        self._nouns = nouns
        self._known: dict[str, list[AnyMeaning]] = {}

    def named(self, text: str) -> list[str]:
        """The things that a text names, as singular nouns, in its order; the longest name that fits counts."""
        words = _WORD.findall(text.lower())
        found, start = [], 0
        while start < len(words):
            for length in range(min(MAX_WORDS, len(words) - start), 0, -1):
                name = self._nouns.lemma(" ".join(words[start : start + length]))
                if self._meanings(name):
                    found.append(name)
                    break
            start += length
        return found

    def unsupported(self, sentence: str, references: Iterable[str]) -> list[str]:
        """The things that a sentence names and no reference does."""
        there = {name for text in references for name in self.named(text)}
        kinds = {
            number
            for name in there
            for meaning in self._meanings(name)
            for number in self._nouns.kinds(meaning)
        }
        persons = any(self._is_person(name) for name in there)
        return [
            name
            for name in self.named(sentence)
            if name not in there
            and not kinds & {meaning.number for meaning in self._meanings(name)}
            and not (persons and self._is_person(name))
        ]

    def names_kind(self, sentence: str, meaning: AnyMeaning) -> bool:
        """Whether a sentence names a meaning, or something that it is a kind of."""
        kinds = self._nouns.kinds(meaning)
        return any(sense.number in kinds for name in self.named(sentence) for sense in self._meanings(name))

    def _is_person(self, name: str) -> bool:
        meanings = self._meanings(name)
        return name in ("person", "people") or (bool(meanings) and meanings[0].field == _PERSON)

    def _meanings(self, name: str) -> list[AnyMeaning]:
        """The visible meanings of a noun whose commonest meaning is one; else none."""
        if name not in self._known:
            senses = self._nouns.senses(name)
            is_thing = senses and senses[0].field in _VISIBLE and self._nouns.is_mostly_noun(name)
            visible = [sense for sense in senses if sense.field in _VISIBLE]
            self._known[name] = visible if is_thing and name not in _NO_THINGS else []
        return self._known[name]


def chair(things: Things[AnyMeaning], sentences: Sequence[str], references: Sequence[Sequence[str]]) -> Chair:
    """CHAIR of sentences, each with the references of its picture."""
    wrong = [things.unsupported(*pair) for pair in zip(sentences, references, strict=True)]
    named = sum(len(things.named(sentence)) for sentence in sentences)
    return Chair(named, sum(map(len, wrong)) / max(1, named), sum(map(bool, wrong)) / max(1, len(sentences)))
