"""Captions in other words: rules that change the wording and keep the meaning."""

from __future__ import annotations

import itertools
import re

import numpy as np

from benchmarks.shared.wrong_captions import noun_phrases

SHARE_REPLACED = 0.7  # of the words that have a synonym
SHARE_PHRASE_FIRST = 0.7  # of the captions that end with a place
SHARE_WITH_OPENING = 0.35
OPENINGS = "a picture of", "this shows"

_SYNONYMS = {
    word: others.split("/")
    for word, others in (
        line.strip().split(": ")
        for line in """
        man: guy/male person/gentleman
        woman: lady/female person
        men: guys/males
        women: ladies/females
        dog: puppy/canine
        dogs: puppies/canines
        child: kid/youngster
        children: kids/youngsters
        boy: male child/lad
        girl: female child/lass
        boys: lads
        people: persons/individuals/folks
        person: human/individual
        baby: infant/toddler
        group: bunch/crowd
        cat: feline/kitty
        horse: pony
        running: racing/sprinting
        runs: races/dashes
        jumping: leaping/springing
        jumps: leaps/springs
        standing: positioned/on their feet
        stands: is standing
        sitting: seated
        sits: is seated
        walking: strolling
        walks: strolls
        holding: gripping/carrying
        holds: grips
        looking: gazing/staring
        looks: gazes/stares
        wearing: dressed in/clad in
        smiling: grinning
        smiles: grins
        talking: chatting/speaking
        eating: munching on
        climbing: scaling
        climbs: scales
        grass: lawn/grassy field
        field: meadow/pasture
        beach: shore/seaside
        ocean: sea
        street: road
        road: street
        mountain: hill/peak
        snow: snowy ground
        rock: stone/boulder
        trees: woods
        pool: swimming pool
        building: structure
        house: home
        room: chamber
        large: big/huge
        big: large/huge
        small: little/tiny
        little: small/tiny
        young: youthful
        old: elderly/aged
        colorful: multicolored
        several: a number of/multiple
        two: a pair of/2
        three: 3/a trio of
        bike: bicycle/cycle
        bicycle: bike
        couch: sofa
        shirt: top/tee
        jacket: coat
        hat: cap
        car: automobile/vehicle
        boat: vessel
        food: meal
        picture: image/photo
        photo: picture/image
        near: close to/by
        beside: next to
        through: across
        outside: outdoors
        """.strip().splitlines()
    )
}
_PLACE = re.compile(
    r"^(.{8,}?) (in front of|next to|on top of|in|on|at|near|behind|beside|under|over|through|across|along|against) "
    r"((?:a|an|the|some|his|her|their|its) (?:[a-z]+ ){0,2}[a-z]+)$"
)


def rewritten(caption: str, *, seed: int = 0) -> str | None:
    """The same caption in other words and another order; None if no rule applies. The same for the same caption."""
    own = caption.lower().strip().rstrip(".").strip()
    random = np.random.default_rng([seed, len(own), *own.encode(errors="surrogatepass")[:64]])
    text = " ".join(_other_order(own.split()))
    place = _PLACE.match(text)
    if place and random.random() < SHARE_PHRASE_FIRST:
        text = f"{place[2]} {place[3]}, {place[1]}"
    text = " ".join(_other_word(word, random) for word in text.split())
    if text.startswith(("a ", "an ", "the ")) and random.random() < SHARE_WITH_OPENING:
        text = f"{OPENINGS[int(random.integers(len(OPENINGS)))]} {text}"
    return text if text != own else None


def _other_order(words: list[str]) -> list[str]:
    """The first two things that "and" joins, each with its determiner, in the other order."""
    phrases = noun_phrases(words)
    for (begin, end), (begin_2, end_2) in itertools.pairwise(phrases):
        if words[end:begin_2][:-1] == ["and"]:
            return [
                *words[: begin - 1],
                *words[begin_2 - 1 : end_2],
                "and",
                *words[begin - 1 : end],
                *words[end_2:],
            ]
    return words


def _other_word(word: str, random: np.random.Generator) -> str:
    bare = word.strip(",.")
    others = _SYNONYMS.get(bare)
    if others is None or random.random() >= SHARE_REPLACED:
        return word
    return word.replace(bare, others[int(random.integers(len(others)))])
