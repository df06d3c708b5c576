"""Things without support, by a small WordNet in the format of the real one."""

from pathlib import Path

import pytest

from benchmarks.metrics.hallucination import Things, chair
from benchmarks.shared.wordnet import WordNet

# Offsets are made to fit: every line is filled up to this width.
WIDTH = 80
# number: (field, words, what it is a kind of)
SYNSETS = {
    1: (3, "animal", None),
    2: (5, "dog domestic_dog", 1),
    3: (5, "terrier", 2),
    4: (5, "orangutan orang", 1),
    5: (18, "man", None),
    6: (18, "woman", None),
    7: (6, "ball", None),
    8: (4, "run", None),
    9: (6, "traffic_light", None),
    10: (6, "light", None),
}


@pytest.fixture
def wordnet(tmp_path: Path) -> WordNet:
    data, index = [], {}
    for number, (field, words, kind) in SYNSETS.items():
        names = words.split()
        kinds = "000" if kind is None else f"001 @ {kind * WIDTH:08d} n 0000"
        line = f"{number * WIDTH:08d} {field:02d} n {len(names):02x} {' '.join(f'{w} 0' for w in names)} {kinds} | x"
        data.append(f"{line:<{WIDTH - 1}}\n")
        for name in names:
            index[name] = f"{name} n 1 0 1 0 {number * WIDTH:08d}  \n"
    (tmp_path / "data.noun").write_text(f"{'  licence':<{WIDTH - 1}}\n" + "".join(data))
    (tmp_path / "index.noun").write_text("  licence\n" + "".join(index.values()))
    for name, content in {
        "noun.exc": "men man\n",
        "index.verb": "run v 1 0 1 0 00000001\n",
        "index.adj": "",
        "cntlist.rev": "run%2:38:00:: 1 9\nrun%1:04:00:: 1 2\nman%1:18:00:: 1 5\n",
    }.items():
        (tmp_path / name).write_text(content)
    return WordNet(tmp_path)


def test_things_are_nouns_that_can_be_seen(wordnet: WordNet) -> None:
    things = Things(wordnet)
    assert things.named("Two men run after the dogs") == ["man", "dog"]
    assert things.named("a traffic light and a light") == ["traffic light", "light"]


def test_a_synonym_and_a_more_general_word_are_supported_and_a_special_one_is_not(wordnet: WordNet) -> None:
    things = Things(wordnet)
    assert things.unsupported("an animal", ["a terrier runs"]) == []
    assert things.unsupported("a domestic dog", ["dogs"]) == []
    assert things.unsupported("a terrier", ["a dog"]) == ["terrier"]
    assert things.unsupported("a woman with a ball", ["a man"]) == ["ball"], "persons count as the same"


def test_chair_counts_things_and_sentences(wordnet: WordNet) -> None:
    found = chair(Things(wordnet), ["a dog with a ball", "a man"], [["a dog"], ["a woman"]])
    assert found == (3, pytest.approx(1 / 3), 0.5)


def test_a_class_is_named_by_what_it_is_a_kind_of(wordnet: WordNet) -> None:
    things, terrier = Things(wordnet), wordnet.synset(3 * WIDTH)
    assert things.names_kind("An animal.", terrier) and things.names_kind("Terriers run.", terrier)
    assert not things.names_kind("An orangutan.", terrier)
