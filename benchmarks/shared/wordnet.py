"""Nouns of WordNet 3.0: which words name things, their synonyms, and what they are kinds of.

The data are the files of the Debian package `wordnet-base` (`apt-get install wordnet-base`), or of any other
WordNet 3.0, whose folder $WNSEARCHDIR names, as for WordNet's own programs. ImageNet's class ids are positions in
`data.noun` of this version. The format is that of the manual page wndb(5WN).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.datasets.files import DataSetError

VARIABLE = "WNSEARCHDIR"
DEBIAN_FOLDER = Path("/usr/share/wordnet")
_SPEECH = {"1": "noun", "2": "verb", "3": "adj", "4": "adv", "5": "adj"}  # the digit in the key of a sense
_ENDINGS = (
    ("s", ""),
    ("ses", "s"),
    ("xes", "x"),
    ("zes", "z"),
    ("ches", "ch"),
    ("shes", "sh"),
    ("men", "man"),
    ("ies", "y"),
)


@dataclass(frozen=True)
class Synset:
    """One meaning."""

    number: int  # byte of data.noun at which it begins
    field: int  # number of the lexicographer's file: 5 is animals, 6 artefacts
    words: tuple[str, ...]  # lower case, with spaces
    kinds: tuple[int, ...]  # what it is directly a kind or an instance of


class WordNet:
    """The nouns of a folder of WordNet's files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def find(cls) -> WordNet:
        """The WordNet of this machine; `DataSetError` says how to install it."""
        folder = Path(os.environ.get(VARIABLE) or DEBIAN_FOLDER)
        if not (folder / "data.noun").is_file():
            raise DataSetError(
                f"{folder}: has no data.noun; install Debian's package wordnet-base, or set ${VARIABLE} to the "
                "folder of WordNet 3.0"
            )
        return cls(folder)

    def synset(self, number: int) -> Synset:
        """The meaning that begins at a byte of data.noun."""
        return self._synsets[number]

    def senses(self, word: str, *, most: int = 3) -> list[Synset]:
        """The commonest meanings of a noun, given in the singular or the plural, commonest first."""
        return [self._synsets[number] for number in self._senses.get(self.lemma(word), ())[:most]]

    def lemma(self, word: str) -> str:
        """The singular of a noun; a word that is none comes back as it is."""
        if word in self._irregular:
            return self._irregular[word]
        if word in self._senses:
            return word
        for ending, instead in _ENDINGS:
            found = word.removesuffix(ending) + instead
            if word.endswith(ending) and found in self._senses:
                return found
        return word

    def kinds(self, synset: Synset) -> set[int]:
        """The meaning itself and all that it is a kind of, as numbers."""
        found: set[int] = set()
        pending = [synset.number]
        while pending:
            number = pending.pop()
            if number not in found:
                found.add(number)
                pending += self._synsets[number].kinds
        return found

    def is_mostly_noun(self, lemma: str) -> bool:
        """Whether a word is used as a noun at least as often as otherwise, in the texts that WordNet counted."""
        if lemma not in self._senses:
            return False
        uses = self._uses.get(lemma)
        if uses is not None:
            return uses["noun"] >= max(uses.values())
        return not any(lemma in words for words in self._other_words)

    @cached_property
    def _synsets(self) -> dict[int, Synset]:
        return {synset.number: synset for synset in map(_synset, self._lines("data.noun"))}

    @cached_property
    def _senses(self) -> dict[str, tuple[int, ...]]:
        found = {}
        for line in self._lines("index.noun"):
            fields = line.split()
            found[fields[0].replace("_", " ")] = tuple(map(int, fields[-int(fields[2]) :]))
        return found

    @cached_property
    def _irregular(self) -> dict[str, str]:
        pairs = (line.replace("_", " ").split("\n")[0] for line in self._lines("noun.exc"))
        return {words[0]: words[1] for words in (pair.split() for pair in pairs) if len(words) == 2}

    @cached_property
    def _uses(self) -> dict[str, Counter[str]]:
        found: dict[str, Counter[str]] = {}
        for line in self._lines("cntlist.rev"):
            key, _, count = line.split()
            word, _, rest = key.partition("%")
            found.setdefault(word.replace("_", " "), Counter())[_SPEECH[rest[0]]] += int(count)
        return found

    @cached_property
    def _other_words(self) -> list[set[str]]:
        return [
            {line.split(" ", 1)[0].replace("_", " ") for line in self._lines(f"index.{speech}")}
            for speech in ("verb", "adj")
        ]

    def _lines(self, name: str) -> Iterator[str]:
        with (self._folder / name).open(encoding="utf-8") as file:
            yield from (
                line for line in file if not line.startswith("  ")
            )  # the licence comes first, indented


def _synset(line: str) -> Synset:
    fields = line.split("|", 1)[0].split()
    words = int(fields[3], 16)
    at = 4 + 2 * words
    pointers: Sequence[str] = fields[at + 1 :]
    kinds = tuple(
        int(pointers[4 * number + 1])
        for number in range(int(fields[at]))
        if pointers[4 * number] in ("@", "@i")
    )
    names = tuple(word.lower().replace("_", " ") for word in fields[4:at:2])
    return Synset(int(fields[0]), int(fields[1]), names, kinds)
