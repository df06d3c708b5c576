"""Every metric against a well-kept implementation, or against its definition spelled out."""

import itertools
import statistics

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    precision_score,
    recall_score,
    top_k_accuracy_score,
)
from torchmetrics.classification import MulticlassAccuracy
from torchmetrics.retrieval import RetrievalHitRate

from benchmarks.metrics import (
    best_ranks,
    class_mean_recall_at,
    mean_average_precision,
    normal_answer,
    rank_figures,
    ranks,
    recall_at,
    top_k_accuracy,
    triplet_accuracy,
    vqa_accuracy,
    yes_no_figures,
)

SEEDS = st.integers(min_value=0, max_value=2**32 - 1)


def random_scores(seed: int, queries: int = 12, pool: int = 25) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((queries, pool))


def hit_rate(scores: np.ndarray, relevant: np.ndarray, k: int) -> float:
    indexes = torch.arange(len(scores))[:, None].expand(scores.shape)
    metric = RetrievalHitRate(top_k=k)
    return 100 * float(
        metric(
            torch.tensor(scores).flatten(),
            torch.tensor(relevant).flatten(),
            indexes=indexes.flatten(),
        )
    )


@settings(max_examples=10)
@given(SEEDS)
def test_recall_is_that_of_torchmetrics(seed: int) -> None:
    scores = random_scores(seed)
    answers = np.random.default_rng(seed).integers(scores.shape[1], size=len(scores))
    relevant = np.arange(scores.shape[1]) == answers[:, None]
    for k in (1, 5, 10):
        assert recall_at(ranks(scores, answers), k) == pytest.approx(hit_rate(scores, relevant, k), abs=1e-4)


@settings(max_examples=10)
@given(SEEDS)
def test_recall_of_several_right_items_is_that_of_torchmetrics(seed: int) -> None:
    scores = random_scores(seed)
    relevant = np.random.default_rng(seed).random(scores.shape) < 0.2
    relevant[:, 3] = True
    for k in (1, 5, 10):
        assert recall_at(best_ranks(scores, relevant), k) == pytest.approx(
            hit_rate(scores, relevant, k), abs=1e-4
        )


@settings(max_examples=10)
@given(SEEDS)
def test_average_precision_is_that_of_scikit_learn(seed: int) -> None:
    scores = random_scores(seed)
    relevant = np.random.default_rng(seed).random(scores.shape) < 0.3
    relevant[:, 0] = True
    expected = np.mean([average_precision_score(r, s) for r, s in zip(relevant, scores, strict=True)])
    assert mean_average_precision(scores, relevant) == pytest.approx(100 * expected)


@settings(max_examples=10)
@given(SEEDS)
def test_ranks_are_those_of_scipy_with_equal_scores_as_bad_as_can_be(seed: int) -> None:
    scores = random_scores(seed).round(1)  # some are equal
    answers = np.random.default_rng(seed).integers(scores.shape[1], size=len(scores))
    expected = rankdata(-scores, method="max", axis=1)[np.arange(len(scores)), answers]
    found = ranks(scores, answers)
    assert found.tolist() == expected.tolist()
    figures = rank_figures(found)
    assert figures["median rank"] == statistics.median(map(float, expected))
    assert figures["mean rank"] == pytest.approx(statistics.mean(map(float, expected)))


def test_ranks_have_their_median_and_mean() -> None:
    figures = rank_figures(np.array([1, 1, 2, 7, 100]))
    assert figures == {
        "recall@1": 40.0,
        "recall@5": 60.0,
        "recall@10": 80.0,
        "median rank": 2.0,
        "mean rank": pytest.approx(22.2),
    }


def test_a_collapsed_model_finds_nothing() -> None:
    same = np.ones((4, 20))
    relevant = np.eye(4, 20, dtype=bool)
    assert recall_at(ranks(same, np.arange(4)), 10) == 0
    assert recall_at(best_ranks(same, relevant), 10) == 0
    assert top_k_accuracy(same, np.arange(4), 5) == 0
    assert mean_average_precision(same, relevant) == pytest.approx(5.0)


@settings(max_examples=10)
@given(SEEDS)
def test_accuracy_is_that_of_scikit_learn_and_torchmetrics(seed: int) -> None:
    scores = random_scores(seed, queries=40, pool=8)
    labels = np.random.default_rng(seed).integers(8, size=40)
    for k in (1, 5):
        expected = top_k_accuracy_score(labels, scores, k=k, labels=np.arange(8))
        assert top_k_accuracy(scores, labels, k) == pytest.approx(100 * expected)
        by_class = MulticlassAccuracy(num_classes=8, top_k=k, average=None)
        each = by_class(torch.tensor(scores), torch.tensor(labels)).numpy()
        expected = each[np.unique(labels)].mean()
        assert class_mean_recall_at(scores, labels, k) == pytest.approx(100 * expected, abs=1e-4)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from(["yes", "no"]), st.sampled_from(["yes", "no"])), min_size=1))
def test_yes_and_no_figures_are_those_of_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    answers, right = zip(*pairs, strict=True)
    said, is_yes = [answer == "yes" for answer in answers], [label == "yes" for label in right]
    assert yes_no_figures(answers, right) == pytest.approx(
        {
            "accuracy": 100 * accuracy_score(is_yes, said),
            "precision": 100 * precision_score(is_yes, said, zero_division=0),
            "recall": 100 * recall_score(is_yes, said, zero_division=0),
            "F1": 100 * f1_score(is_yes, said, zero_division=0),
            "yes rate": 100 * np.mean(said),
        }
    )


@given(st.lists(st.sampled_from(["cat", "dog", "2"]), min_size=10, max_size=10))
def test_soft_accuracy_is_the_mean_over_nine_of_ten_people(answers: list[str]) -> None:
    subsets = itertools.combinations(range(10), 9)
    expected = np.mean([min(1, sum(answers[i] == "cat" for i in subset) / 3) for subset in subsets])
    assert vqa_accuracy("cat", answers) == pytest.approx(expected)


# What the official script (vqaEval.py of GT-Vision-Lab/VQA at a013f004) gives for ten people's answers.
OFFICIAL = [
    # Where all people agree letter for letter, nothing is normalised.
    ("yes", {"yes": 10}, 1.0),
    ("Yes", {"yes": 10}, 0.0),
    ("two", {"2": 10}, 0.0),
    ("cat.", {"cat.": 10}, 1.0),
    ("cat", {"cat.": 10}, 0.0),
    (" cat\n", {"cat": 10}, 1.0),
    ("cat", {"the cat": 10}, 0.0),
    # One other spelling is enough for the usual rules.
    ("yes", {"yes": 9, "Yes": 1}, 1.0),
    ("Yes!", {"yes": 9, "no": 1}, 1.0),
    ("two", {"2": 2, "two": 1, "3": 7}, 0.9),
    ("a cat", {"cat": 1, "dog": 9}, 0.3),
    ("cat", {"cat": 2, "dog": 8}, 0.6),
    ("cat", {"cat": 3, "dog": 7}, 0.9),
    ("cat", {"cat": 4, "dog": 6}, 1.0),
    ("1,000", {"1000": 5, "10": 5}, 1.0),
    ("red - blue", {"red blue": 5, "redblue": 5}, 1.0),
    ("dont", {"don't": 6, "do not": 4}, 1.0),
    ("somebody'd", {"somebodyd": 5, "x": 5}, 1.0),
    ("U.S.A.", {"USA": 5, "us": 5}, 1.0),
    ("none", {"0": 5, "zero": 4, "no": 1}, 1.0),
    ("." * 33, {".": 5, "x": 5}, 0.0),
]


@pytest.mark.parametrize(("given_", "people", "accuracy"), OFFICIAL)
def test_soft_accuracy_is_that_of_the_official_script(
    given_: str, people: dict[str, int], accuracy: float
) -> None:
    answers = [answer for answer, count in people.items() for _ in range(count)]
    assert vqa_accuracy(given_, answers) == pytest.approx(accuracy)


def test_one_answer_alone_counts_whole() -> None:
    assert vqa_accuracy("Two", ["2"]) == 1.0
    assert vqa_accuracy("cat", ["dog"]) == 0.0


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("A Dog.", "dog"),
        ("two", "2"),
        ("none", "0"),
        ("the red, white and blue", "red white and blue"),
        ("1,000", "1000"),
        ("3.5", "3.5"),
        ("t-shirt", "t shirt"),
        (" yes ", "yes"),
        ("dont know", "don't know"),
        ("the oclock", "o'clock"),
        ("couldnt've", "couldn't've"),
        ("well", "well"),
    ],
)
def test_answers_are_compared_as_the_official_script_does(text: str, normal: str) -> None:
    assert normal_answer(text) == normal


def test_a_triplet_needs_both_negatives_to_be_farther() -> None:
    east, north = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    between = np.array([0.8, 0.6])
    first = np.stack([east, east, east])
    second = np.stack([east, between, between])
    negative = np.stack([north, north, between])
    # The second: sim(first, second) 0.8 beats 0.0 and 0.6; the third: 0.8 does not beat 0.8.
    assert triplet_accuracy(first, second, negative) == pytest.approx(200 / 3)
    # As the definition has it, in a loop.
    right = [a @ b > a @ n and a @ b > b @ n for a, b, n in zip(first, second, negative, strict=True)]
    assert triplet_accuracy(first, second, negative) == pytest.approx(100 * np.mean(right))
