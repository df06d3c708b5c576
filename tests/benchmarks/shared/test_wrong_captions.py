"""Rules that make wrong captions, and captions in other words."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.shared.rewritten_captions import rewritten
from benchmarks.shared.wrong_captions import Vocabulary, WrongCaptions

CAPTIONS = [
    "a man is throwing a red ball",
    "a woman is painting a small house near the lake",
    "a brown dog is chasing the cat",
]
RULES = WrongCaptions(Vocabulary.of(CAPTIONS))
WORDS = st.sampled_from(
    ["a", "the", "two", "dog", "man", "red", "ball", "on", "in", "and", "chasing", "is", "."]
)


@pytest.mark.parametrize(
    ("caption", "rule", "wrong"),
    [
        ("A dog chases a cat .", "things exchanged", "a cat chases a dog ."),
        ("a girl holds a stick", "things exchanged", "a stick holds a girl"),
        ("a red ball on a small box", "attributes exchanged", "a small ball on a red box"),
        ("a tall tree", "another attribute", "a short tree"),
        ("a boy on the bed", "another relation", "a boy under the bed"),
        ("a boy in front of the bed", "another relation", "a boy behind the bed"),
        ("the man and his dog", "another person", "the woman and his dog"),
    ],
)
def test_a_rule_changes_what_it_is_named_after(caption: str, rule: str, wrong: str) -> None:
    assert RULES.of(caption)[rule] == wrong


def test_a_black_and_white_dog_stays_one_in_the_other_order() -> None:
    assert "attributes exchanged" not in RULES.of("a black and white dog")


@pytest.mark.parametrize("caption", ["a man and a woman", "a boy next to a dog", "a cat near the tree"])
def test_things_that_are_together_stay_so_in_the_other_order(caption: str) -> None:
    assert "things exchanged" not in RULES.of(caption)


def test_verbs_and_things_are_replaced_by_those_of_other_captions() -> None:
    found = RULES.of("a boy is climbing")
    assert found["another verb"].split()[-1] in {"throwing", "chasing"}  # "painting" is a thing as often
    things = {"man", "ball", "woman", "house", "lake", "dog", "cat"}
    assert found["another thing"].split()[1] in things


@given(st.lists(WORDS, min_size=1, max_size=12).map(" ".join))
def test_no_wrong_caption_is_the_caption_and_all_are_the_same_each_time(caption: str) -> None:
    found = RULES.of(caption)
    assert " ".join(caption.lower().split()) not in found.values()
    assert found == RULES.of(caption)


def test_words_and_their_order_change_but_not_what_is_said() -> None:
    forms = [rewritten("A man and a dog are running on the beach .", seed=seed) or "" for seed in range(200)]
    words = {word for form in forms for word in form.replace(",", "").split()}
    assert {"guy", "puppy", "sprinting", "shore"} <= words
    assert not words & {"woman", "cat", "under", "sitting"}
    assert any(form.endswith("a dog and a man are running on the beach") for form in forms)
    assert any(form.startswith("on the beach, a ") for form in forms)


@given(st.lists(WORDS, min_size=1, max_size=12).map(" ".join))
def test_another_wording_is_never_the_caption_itself(caption: str) -> None:
    form = rewritten(caption)
    assert form != caption.lower().strip().rstrip(".").strip()
    assert form == rewritten(caption)


def test_nothing_is_made_of_nothing() -> None:
    assert RULES.of("") == {}
    assert WrongCaptions(Vocabulary.of([])).of("a bird is climbing") == {}


def test_frequent_words_are_drawn_more_often() -> None:
    rules = WrongCaptions(Vocabulary.of(["a dog"] * 400 + ["a cat"]))
    drawn = [rules.of(f"a bird {number}").get("another thing", "") for number in range(200)]
    share = np.mean(["dog" in text for text in drawn])
    assert 0.85 < share < 1
