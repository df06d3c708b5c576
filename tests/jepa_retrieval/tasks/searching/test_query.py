"""The algebra of queries."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from jepa_retrieval.errors import UsageError
from jepa_retrieval.tasks.searching.embed_query import NEGATIVE_WEIGHT, join_texts, soften
from jepa_retrieval.tasks.searching.query import ImageQuery, MomentQuery, Query, Term, VideoQuery, compose

VECTORS = arrays(np.float64, (3, 8), elements=st.floats(-1, 1, width=32)).filter(
    lambda rows: bool((np.linalg.norm(rows, axis=1) > 0.1).all())
)
WEIGHTS = st.lists(st.floats(0.1, 5), min_size=3, max_size=3)


@pytest.mark.parametrize("start", [math.nan, math.inf, -1.0, 10**400, float("9" * 400), "soon"])
def test_times_that_are_none_are_refused(start: object) -> None:
    for build in (
        lambda: Query.of(VideoQuery("a.mp4", start, None)),
        lambda: Query.of(VideoQuery("a.mp4", 0, start)),
        lambda: Query.clip("a.mp4", start),
        lambda: Query.moment("a.mp4", start),
        lambda: Query.of(MomentQuery("a.mp4", None, start)),
    ):
        with pytest.raises(
            UsageError, match=r"a\.mp4: the (start|end) must be a number of seconds"
        ) as refused:
            build()
        assert len(str(refused.value)) < 120


@pytest.mark.parametrize("weight", [math.nan, math.inf, 10**400])
def test_weights_that_are_none_are_refused(weight: float) -> None:
    with pytest.raises(UsageError, match="finite"):
        weight * Query.text("dog")


def test_a_sentence_is_never_taken_for_a_path() -> None:
    sentence = "a very long sentence " * 400
    assert Query.of(sentence).terms == (Term(sentence),)


def test_terms_are_collected_with_their_signs() -> None:
    query = Query.text("dog") + 2 * Query.image("a.png") - Query.clip("v.mp4", 1, 2) / 2
    assert query.terms == (
        Term("dog", 1.0),
        Term(ImageQuery(Path("a.png")), 2.0),
        Term(VideoQuery(Path("v.mp4"), 1, 2), -0.5),
    )


def test_plain_values_are_queries_too() -> None:
    assert Query.text("dog") + "snow" == "dog" + Query.text("snow")
    assert "dog" - Query.text("snow") == Query((Term("dog"), Term("snow", -1.0)))
    assert Query.of(ImageQuery(Path("a.png"))) == Query.image("a.png")
    assert (-Query.text("dog")) * -1 == Query.text("dog")


def test_queries_say_what_they_are() -> None:
    assert str(Query.text("dog")) == "dog"
    assert str(Query.text("dog") + 2 * Query.text("snow") - Query.image("a.png")) == "dog + 2:snow - a.png"
    assert str(-Query.clip("v.mp4", 1, 2.5)) == "- v.mp4@1-2.5"
    assert str(Query.moment("trip/a.mp4", 3.0)) == "trip/a.mp4@3-"


def test_a_hit_is_a_query() -> None:
    hit = MomentQuery("a.mp4", 1.0, 2.0)
    assert Query.moment(hit).terms == (Term(MomentQuery("a.mp4", 1.0, 2.0)),)


def test_nonsense_is_refused() -> None:
    with pytest.raises(UsageError, match="empty"):
        Query.text("  ")
    with pytest.raises(UsageError, match="finite"):
        Query.text("a") * float("nan")
    with pytest.raises(UsageError, match="ends before it starts"):
        Query.clip("a.mp4", 5, 2)


def test_terms_that_cancel_each_other_are_refused() -> None:
    with pytest.raises(UsageError, match="cancel"):
        compose(np.eye(4)[[0, 0]], [1.0, -1.0])
    with pytest.raises(UsageError, match="cancel"):
        compose(np.eye(4)[[0, 1]], [0.0, 0.0])


def test_small_weights_do_not_cancel() -> None:
    assert compose(np.eye(4)[[0, 1]], [1e-4, 0.0])[0].tolist() == [1, 0, 0, 0]


@given(VECTORS, WEIGHTS, st.floats(0.01, 100))
def test_composition_is_of_unit_length_and_knows_no_order_and_no_scale(vectors, weights, scale) -> None:
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    if np.linalg.norm(np.array(weights) @ units) < 0.01 * sum(weights):
        return
    whole, length = compose(units, weights)
    assert np.linalg.norm(whole) == pytest.approx(1, abs=1e-5)
    assert length <= sum(weights) + 1e-9
    turned, _ = compose(units[::-1], weights[::-1])
    scaled, _ = compose(units, [weight * scale for weight in weights])
    assert np.allclose(whole, turned, atol=1e-5)
    assert np.allclose(whole, scaled, atol=1e-5)


@given(VECTORS, st.floats(0.1, 3))
def test_adding_brings_nearer_and_subtracting_leads_away(vectors, weight) -> None:
    first, second, _ = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    if abs(first @ second) > 0.99:
        return
    nearer, _ = compose(np.stack([first, second]), [1.0, weight])
    farther, _ = compose(np.stack([first, second]), [1.0, -weight])
    assert farther @ second < first @ second < nearer @ second


def test_texts_of_equal_weight_become_one_sentence() -> None:
    terms = (Query.text("dog") + "snow" - Query.text("people")).terms
    assert join_texts(terms) == [Term("dog and snow", 2.0), Term("people", -1.0)]
    three = (Query.text("a") + "b" + "c").terms
    assert join_texts(three) == [Term("a, b and c", 3.0)]


def test_what_a_text_weighs_beyond_the_others_stays_its_own() -> None:
    terms = (2 * Query.text("dog") + "snow").terms
    assert join_texts(terms) == [Term("dog and snow", 2.0), Term("dog", 1.0)]


def test_one_text_and_pictures_are_left_alone() -> None:
    terms = (Query.text("dog") + Query.image("a.png") - Query.text("cat")).terms
    assert join_texts(terms) == list(terms)


def test_texts_that_are_subtracted_count_less() -> None:
    terms = (Query.text("dog") - 2 * Query.text("cat") - Query.image("a.png")).terms
    assert soften(terms) == [Term("dog"), Term("cat", -2 * NEGATIVE_WEIGHT), terms[2]]
