"""CIDEr against the reference implementation: its values, its words, and the library itself where it is installed."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.shared.cider import Cider, tokenise

REFERENCES = [
    [
        "A brown dog runs across the wet sand.",
        "The dog is running on a beach.",
        "A dog, wet and happy, runs.",
    ],
    ["Two children don't want to leave the swing.", "Two kids on a swing in a park."],
    ["A man in a red t-shirt climbs a rock wall (without a rope).", "The man's hands hold the rock."],
    ["A dog catches a ball. Then it runs to the man."],
]
CANDIDATES = [
    "A dog runs on the beach .",
    "Two children on a swing",
    "A woman reads a book",
    "A dog catches a ball. Then it runs to the man.",
]
# What pycocoevalcap 1.2 gives for these, with its own tokeniser.
SCORES = [100.04693958622282, 205.00703206742355, 0.0, 1000.0]
WORDS = {
    "Two children don't want to leave the swing.": "two children do n't want to leave the swing",
    "A dog, wet and happy, runs.": "a dog wet and happy runs",
    "A man in a red t-shirt climbs a rock wall (without a rope).": (
        "a man in a red t-shirt climbs a rock wall -lrb- without a rope -rrb-"
    ),
    "The man's hands hold the rock.": "the man 's hands hold the rock",
    "A dog catches a ball. Then it runs to the man.": "a dog catches a ball then it runs to the man",
    "Jenny has the bat or the racket..it does not matter!": "jenny has the bat or the racket it does not matter",
    "A child stands beside the road..": "a child stands beside the road",
    "Jenny hits the ball towards Mike/": "jenny hits the ball towards mike /",
    "A boat in front of a 'Private Fishing' sign.": "a boat in front of a private fishing sign",
    "'Tis the season, and 'twas the '90s.": "'t is the season and 't was the '90s",
    "a woman looks for what they &apos;ve lost": "a woman looks for what they 've lost",
    "The children’s “Fab 50” t-shirt.": "the children 's fab 50 t-shirt",
}

sentences = st.lists(
    st.sampled_from(["a", "dog", "cat", "runs", "on", "the", "red", "ball"]), max_size=12
).map(" ".join)


def test_scores_are_those_of_the_reference_implementation() -> None:
    assert Cider(REFERENCES).scores(CANDIDATES, REFERENCES) == pytest.approx(SCORES, abs=1e-9)


@pytest.mark.parametrize(("text", "words"), WORDS.items())
def test_words_are_those_of_the_reference_tokeniser(text: str, words: str) -> None:
    assert " ".join(tokenise(text)) == words


def test_random_sentences_score_as_in_the_library() -> None:
    library = pytest.importorskip(
        "pycocoevalcap.cider.cider", reason="needs pycocoevalcap (100 MB): pip install pycocoevalcap"
    )
    draw = random.Random(0)
    words = [f"w{number}" for number in range(30)]

    def sentence() -> str:
        return " ".join(draw.choices(words, weights=range(30, 0, -1), k=draw.randint(1, 14)))

    references = [[sentence() for _ in range(draw.randint(1, 5))] for _ in range(60)]
    candidates = [draw.choice(group) if draw.random() < 0.3 else sentence() for group in references]
    mean, scores = library.Cider().compute_score(
        dict(enumerate(references)), {number: [text] for number, text in enumerate(candidates)}
    )
    ours = Cider(references).scores(candidates, references)
    assert ours == pytest.approx(scores * 100, abs=1e-9)
    assert ours.mean() == pytest.approx(mean * 100)


@given(candidate=sentences, group=st.lists(sentences, min_size=1, max_size=4), other=sentences)
def test_scores_stay_within_bounds(candidate: str, group: list[str], other: str) -> None:
    cider = Cider([group, [other], ["a red ball"]])
    (score,) = cider.scores([candidate], [group])
    assert 0.0 <= score <= 1000.0 + 1e-6
    assert cider.scores([candidate], [group[::-1]])[0] == pytest.approx(score)


def test_what_cannot_be_scored_is_refused() -> None:
    with pytest.raises(ValueError, match="at least two"):
        Cider([["a dog"]])
    with pytest.raises(ValueError, match="2 candidates"):
        Cider(REFERENCES).scores(["a", "b"], REFERENCES[:1])
