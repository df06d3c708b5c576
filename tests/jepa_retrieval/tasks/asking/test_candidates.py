from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jepa_retrieval.errors import UsageError
from jepa_retrieval.tasks.asking.candidates import (
    Candidate,
    CandidateSet,
    parse_candidates,
    read_candidates,
    softmax,
)
from tests.jepa_retrieval.tasks.conftest import HandModel, unit


def test_names_stand_for_themselves_unless_texts_are_given() -> None:
    assert parse_candidates(["dog", "pet\ta dog\ta cat"]) == [
        Candidate("dog", ("dog",)),
        Candidate("pet", ("a dog", "a cat")),
    ]


@pytest.mark.parametrize(
    ("names", "message"),
    [([], "no candidates"), (["dog", "dog"], "given twice"), (["dog\t"], "empty"), ([""], "empty")],
)
def test_candidates_that_cannot_be_told_apart(names: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_candidates(names)


def test_a_file_of_candidates_is_named_in_errors(tmp_path: Path) -> None:
    file = tmp_path / "labels.txt"
    file.write_text("dog\npet\ta dog\ta cat\n")
    assert [candidate.name for candidate in read_candidates(file)] == ["dog", "pet"]
    file.write_text("dog\ndog\tpuppy\n")
    with pytest.raises(UsageError, match=r"labels\.txt: 'dog' is given twice"):
        read_candidates(file)


def test_templates_are_averaged_as_unit_vectors(model: HandModel) -> None:
    found = CandidateSet(parse_candidates(["dog"]), model, templates=["{}", "a {} in the dark"])
    mean = unit("dog") + unit("dog", "dark")
    np.testing.assert_allclose(found.embeddings[0], mean / np.linalg.norm(mean), rtol=1e-6)
    assert model.encoded == ["dog", "a dog in the dark"]


@pytest.mark.parametrize("templates", [[], ["a photo"]])
def test_a_template_needs_a_place_for_the_label(model: HandModel, templates: list[str]) -> None:
    with pytest.raises(UsageError, match=r"\{\}"):
        CandidateSet(parse_candidates(["dog"]), model, templates=templates)


def test_probabilities_of_several_texts_are_added(model: HandModel) -> None:
    seen = np.stack([unit("cat"), unit("car"), unit("dog", "cat", "car")])
    alone = CandidateSet(parse_candidates(["dog", "cat", "car"]), model)
    found = CandidateSet(parse_candidates(["pet\tdog\tcat", "car"]), model)
    scores = found.scores(seen)
    np.testing.assert_allclose(scores[:, 1], alone.scores(seen)[:, 2], atol=1e-6)
    apart = softmax(alone.scores(seen), model.temperature)
    together = softmax(scores, model.temperature)
    np.testing.assert_allclose(together[:, 0], apart[:, 0] + apart[:, 1], rtol=1e-5)
    assert found.scores(np.zeros((0, 6), np.float32)).shape == (0, 2)


def test_ranking_keeps_the_best_and_the_asked_for(model: HandModel) -> None:
    found = CandidateSet(parse_candidates(["dog", "cat", "car"]), model)
    ranked = found.ranked(np.array([0.3, 0.9, 0.5]), temperature=0.1, top=1, also="dog")
    assert [entry.name for entry in ranked] == ["cat", "dog"]
    assert ranked[0].score == 0.9
    assert ranked[0].probability > 0.9 > ranked[1].probability
    assert len(found.ranked(np.array([0.3, 0.9, 0.5]), temperature=0.1, top=9, also="dog")) == 3


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=20), st.floats(0.005, 2.0), st.floats(-1, 1))
def test_probabilities_add_up_keep_the_order_and_ignore_a_shift(
    scores: list[float], temperature: float, shift: float
) -> None:
    values = np.array(scores)
    found = softmax(values, temperature)
    assert found.sum() == pytest.approx(1.0)
    assert (np.diff(found[np.argsort(values)]) >= -1e-12).all()
    np.testing.assert_allclose(softmax(values + shift, temperature), found, atol=1e-6)
