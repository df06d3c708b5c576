"""Questions made from captions by rules: what stage 2 trains on where nobody wrote questions.

A medium's captions are read together. The rules look for a few reliable patterns:

- *colour*: "a red ball" asks for the colour of the ball;
- *count*: "two dogs" asks how many;
- *action*: "the dog is running" asks what the dog is doing;
- *place*: "in the snow", "on the beach" asks where this is;
- *presence*: "a dog" gives a yes. For every yes, another medium whose captions do not name the thing gives a no: so
half of the answers are yes for each thing, and the question alone does not predict the answer.

A question whose answers disagree between captions (two balls of two colours) is left out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from jepa_retrieval.errors import UsageError
from jepa_retrieval.training.data.caption_words import (
    ACTORS,
    COLOURS,
    MASS_NOUNS,
    NOT_THINGS,
    NUMBERS,
    PEOPLE,
    PLACES,
    PLURAL_PEOPLE,
    UNCLEAR_PEOPLE,
    WEAK_VERBS,
)
from jepa_retrieval.training.data.examples import Source, SourceBuilder

MIN_MEDIA = 20  # media that must name a thing before its absence from captions means something

_ADJECTIVES = "|".join([*COLOURS, "young", "small", "little", "large", "big"])
_THING = re.compile(
    rf"\b(?:a|an|the) (?:(?:{_ADJECTIVES}) )?(\w+)(?= (?:is|in|on|with|and|at|of)\b|[.,]| \.)"
)
# "A red and white ball" is neither.
_COLOUR = re.compile(rf"(?<!and )(?<!or )\b({'|'.join(COLOURS)}) (\w+)\b")
_NUMBER = re.compile(rf"\b({'|'.join(NUMBERS)}) (?:(?:{_ADJECTIVES}) )?(\w+s|people|men|women|children)\b")
_ACTION = re.compile(rf"\b({'|'.join(ACTORS)}) is (\w+ing)\b")
_PLACE = re.compile(
    rf"\b(?:in|on|at|through|along|across|into|over) (?:the|a|an) (?:\w+ )?({'|'.join(PLACES)})\b"
)


def questions_from_captions(captions: Source, *, seed: int = 0) -> Source:
    """Examples with questions and one-word answers about the visuals of `captions`."""
    named = [things_of(example.targets) for example in captions.examples]
    counts = Counter(thing for things in named for thing in things)
    common = {thing for thing, count in counts.items() if count >= min(MIN_MEDIA, max(2, len(named) // 10))}
    builder = SourceBuilder(captions.name)
    for example in captions.examples:
        for question, answer in open_questions(example.targets, things=common):
            builder.add(captions.visuals[example.visual], question, [answer])
    words = [set(re.findall(r"\w+", " ".join(example.targets).lower())) for example in captions.examples]
    for thing in sorted(common):
        for row, answer in _presence(
            thing, named, words, np.random.default_rng([seed, len(thing), *thing.encode()])
        ):
            builder.add(captions.visuals[captions.examples[row].visual], presence_question(thing), [answer])
    source = builder.build()
    if not source.examples:
        raise UsageError(f"source {captions.name!r}: no rule found a question in these captions")
    return source


def things_of(captions: Sequence[str]) -> set[str]:
    """Things that the captions name with an article."""
    found = {match[1] for caption in captions for match in _THING.finditer(caption.lower())}
    return {thing for thing in found if thing not in NOT_THINGS and thing not in COLOURS and thing.isalpha()}


def open_questions(captions: Sequence[str], *, things: set[str]) -> list[tuple[str, str]]:
    """Questions and answers about colours, counts, actions and places that one medium's captions support.

    Only `things`, and their plurals, are asked about.
    """
    answers: dict[str, set[str]] = {}
    for caption in captions:
        for question, answer in _questions_of_one(caption.lower(), things):
            answers.setdefault(question, set()).add(answer)
    return [(question, next(iter(found))) for question, found in answers.items() if len(found) == 1]


def _questions_of_one(caption: str, things: set[str]) -> Iterator[tuple[str, str]]:
    for colour, thing in _COLOUR.findall(caption):
        if thing in things or thing.removesuffix("s") in things:
            verb = "are" if thing.endswith("s") and thing not in things else "is"
            yield f"What color {verb} the {thing}?", "gray" if colour == "grey" else colour
    for number, thing in _NUMBER.findall(caption):
        if thing.removesuffix("s") in things or thing in PLURAL_PEOPLE:
            yield f"How many {thing} are there?", NUMBERS[number]
    for actor, verb in _ACTION.findall(caption):
        if verb not in WEAK_VERBS:
            yield f"What is the {actor} doing?", verb
    for place in _PLACE.findall(caption):
        yield "Where is this?", place


def presence_question(thing: str) -> str:
    """Whether a thing is there."""
    article = "" if thing in MASS_NOUNS else "an " if thing[0] in "aeiou" else "a "
    return f"Is there {article}{thing} in the picture?"


def _presence(
    thing: str, named: list[set[str]], words: list[set[str]], rng: np.random.Generator
) -> Iterator[tuple[int, str]]:
    """Rows of media with the thing, and as many without it."""
    unclear = UNCLEAR_PEOPLE if thing in PEOPLE else ()
    forms = {thing, f"{thing}s", f"{thing}es", *unclear}
    present = [row for row, things in enumerate(named) if thing in things]
    absent = [row for row, found in enumerate(words) if not found & forms]
    count = min(len(present), len(absent))
    for row in rng.permutation(len(present))[:count]:
        yield present[row], "yes"
    for row in rng.permutation(len(absent))[:count]:
        yield absent[row], "no"
