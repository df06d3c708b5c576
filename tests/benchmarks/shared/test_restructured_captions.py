"""Captions with another structure and the same meaning."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.shared.restructured_captions import restructured

WORDS = st.sampled_from(
    ["a", "the", "two", "dog", "men", "red", "ball", "on", "in", "and", "chasing", "holds", "is", "."]
)


@pytest.mark.parametrize(
    ("caption", "wanted"),
    [
        ("a dog chases a cat", "a cat is chased by a dog"),
        ("A dog chasing the cats .", "the cats being chased by a dog"),
        ("two wolves are chasing an elk in a forest", "an elk is being chased by two wolves in a forest"),
        ("it is an orange kayak", "it is a kayak that is orange"),
        ("he has two red kayaks", "he has two kayaks that are red"),
        ("he sees the red kayaks", "he sees the kayaks that are red"),
    ],
)
def test_the_order_changes_and_what_is_said_stays(caption: str, wanted: str) -> None:
    forms = {restructured(caption, seed=seed) or caption for seed in range(20)}
    assert wanted in forms


def test_who_acts_upon_whom_stays() -> None:
    forms = {restructured("a wolf chases an elk", seed=seed) for seed in range(20)}
    assert not any(form and form.startswith("an elk chases") for form in forms)


def test_nothing_is_made_of_what_no_rule_knows() -> None:
    assert restructured("hello") is None
    assert restructured("") is None


@given(st.lists(WORDS, min_size=1, max_size=12).map(" ".join))
def test_another_structure_is_never_the_caption_and_the_same_each_time(caption: str) -> None:
    form = restructured(caption)
    assert form != caption.lower().strip().rstrip(".").strip()
    assert form == restructured(caption)
