"""Captions with another structure and the same meaning: the passive voice, and attributes after their thing.

"A dog chasing a cat" and "a cat being chased by a dog" have the order of their things in common with wrong captions,
and not the meaning (benchmarks/shared/wrong_captions.py): what knows words alone cannot tell which is which.
"""

from __future__ import annotations

import itertools

import numpy as np

from benchmarks.shared.rewritten_captions import rewritten
from benchmarks.shared.wrong_captions import ATTRIBUTES, noun_phrases

SHARE_ATTRIBUTE_LAST = 0.6  # of the captions with an attribute directly before its thing

SHARE_REWRITTEN_TOO = 0.5

_NUMBERS = frozenset(["one", "two", "three", "four", "five", "six"])
_PARTICIPLES = {
    verb: participle
    for line in """
    chasing chases chased/carrying carries carried/holding holds held/riding rides ridden/pushing pushes pushed
    pulling pulls pulled/kicking kicks kicked/throwing throws thrown/catching catches caught/hitting hits hit
    watching watches watched/climbing climbs climbed/eating eats eaten/wearing wears worn/washing washes washed
    feeding feeds fed/following follows followed/leading leads led/petting pets petted/hugging hugs hugged
    kissing kisses kissed/lifting lifts lifted/playing plays played/reading reads read/painting paints painted
    cutting cuts cut/pouring pours poured/using uses used/driving drives driven/fixing fixes fixed
    building builds built/biting bites bitten/licking licks licked/cleaning cleans cleaned/touching touches touched
    crossing crosses crossed/swinging swings swung/hanging hangs hung/selling sells sold/making makes made
    tossing tosses tossed/dragging drags dragged/tackling tackles tackled/walking walks walked
    """.replace("\n", "/").split("/")
    if line.strip()
    for *verbs, participle in [line.split()]
    for verb in verbs
}


def restructured(caption: str, *, seed: int = 0) -> str | None:
    """The same in another structure, else in other words; None if no rule applies. The same for the same caption."""
    words = caption.lower().strip().rstrip(".").split()
    random = np.random.default_rng([seed, 3, *caption.encode(errors="surrogatepass")[:64]])
    found = _passive(words)
    if found is None or random.random() < SHARE_ATTRIBUTE_LAST:
        found = _attribute_last(found or words, random) or found
    if found is None:
        return rewritten(caption, seed=seed)
    text = " ".join(_with_articles(found))
    return (rewritten(text, seed=seed) if random.random() < SHARE_REWRITTEN_TOO else None) or text


def _passive(words: list[str]) -> list[str] | None:
    """The caption's first two things, where one acts upon the other."""
    for (begin, end), (begin_2, end_2) in itertools.pairwise(noun_phrases(words)):
        between = words[end : begin_2 - 1]
        verb = between[-1] if between else ""
        if begin != 1 or verb not in _PARTICIPLES or between[:-1] not in ([], ["is"], ["are"]):
            return None
        object_phrase = words[begin_2 - 1 : end_2]
        verb_to_be = "are" if _is_plural(object_phrase) else "is"
        if verb.endswith("ing"):
            passive = ["being"] if len(between) == 1 else [verb_to_be, "being"]
        else:
            passive = [verb_to_be]
        return [*object_phrase, *passive, _PARTICIPLES[verb], "by", *words[:end], *words[end_2:]]
    return None


def _attribute_last(words: list[str], random: np.random.Generator) -> list[str] | None:
    """ "A red ball" becomes "a ball that is red", of one thing."""
    places = [
        begin
        for begin, end in noun_phrases(words)
        if end == begin + 2 and words[begin] in ATTRIBUTES - _NUMBERS
    ]
    if not places:
        return None
    place = places[int(random.integers(len(places)))]
    verb = "are" if _is_plural(words[place - 1 : place + 2]) else "is"
    return [*words[:place], words[place + 1], "that", verb, words[place], *words[place + 2 :]]


def _with_articles(words: list[str]) -> list[str]:
    """ "An" before a vowel, "a" before others."""
    following = [*words[1:], ""]
    return [
        ("an" if after.startswith(tuple("aeiou")) else "a") if word in ("a", "an") else word
        for word, after in zip(words, following, strict=True)
    ]


def _is_plural(phrase: list[str]) -> bool:
    return phrase[0] in _NUMBERS - {"one"} or (phrase[-1].endswith("s") and not phrase[-1].endswith("ss"))
