import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jepa_retrieval.errors import UsageError
from jepa_retrieval.tasks.searching.stored_clips import (
    Intervals,
    Selection,
    pool,
    predicted_embeddings,
    stored_embeddings,
)
from tests.jepa_retrieval.tasks.conftest import HandModel, MakeIndex, unit

FILES = {
    "b.mp4": [(4.0, 6.0, ("cat",)), (0.0, 4.0, ("dog", "dark"))],
    "a'; drop.jpg": [(None, None, ("car", "light"))],
}


def test_clips_come_by_path_and_time_with_their_embeddings(make_index: MakeIndex) -> None:
    spans, embeddings = stored_embeddings(make_index(FILES), Selection())
    assert spans.paths == ["a'; drop.jpg", "b.mp4", "b.mp4"]
    assert [spans.time(row) for row in range(3)] == [(None, None), (0.0, 4.0), (4.0, 6.0)]
    np.testing.assert_allclose(
        embeddings, [unit("car", "light"), unit("dog", "dark"), unit("cat")], atol=1e-3
    )


def test_predictions_are_those_of_the_stored_tokens_under_the_question(
    make_index: MakeIndex, model: HandModel
) -> None:
    index = make_index(FILES)
    spans, plain = predicted_embeddings(index, model, "", Selection())
    np.testing.assert_allclose(plain, stored_embeddings(index, Selection())[1], atol=1e-3)
    _, asked = predicted_embeddings(index, model, "how bright is it?", Selection(paths=["b.mp4"]))
    np.testing.assert_allclose(asked[0], unit("dark"), atol=1e-3)
    assert model.asked[-1] == "How bright is it?"
    assert spans.clip_ids.dtype == np.int64


@pytest.mark.parametrize(
    ("selection", "paths"),
    [
        (Selection(paths=["a'; drop.jpg"]), ["a'; drop.jpg"]),
        (Selection(paths=[]), []),
        (Selection(where="kind = 'video' or kind = 'x'", paths=["a'; drop.jpg"]), []),
        (Selection(where="start >= 4"), ["b.mp4"]),
        (Selection(clip_ids=[0]), ["b.mp4"]),
        (Selection(clip_ids=[]), []),
    ],
)
def test_a_selection_narrows(make_index: MakeIndex, selection: Selection, paths: list[str]) -> None:
    spans, embeddings = stored_embeddings(make_index(FILES), selection)
    assert spans.paths == paths
    assert embeddings.shape == (len(paths), 6)


def test_without_tokens_the_remedy_is_told(make_index: MakeIndex, model: HandModel) -> None:
    with pytest.raises(UsageError, match=r"no visual tokens of .*--rebuild --tokens"):
        predicted_embeddings(make_index(FILES, tokens=False), model, "what is it", Selection())


def test_a_model_that_takes_no_questions_is_told(make_index: MakeIndex) -> None:
    with pytest.raises(UsageError, match=r"by-hand takes no questions"):
        predicted_embeddings(make_index(FILES), HandModel(query_conditioned=False), "what", Selection())


clips = st.lists(
    st.tuples(st.sampled_from("ab"), st.floats(0.1, 9.0), st.booleans(), st.integers(0, 2)), max_size=12
)


def as_spans(rows: list[tuple[str, float, bool, int]]) -> tuple[Intervals, np.ndarray]:
    """Clips in order of time, with a gap before those that say so, whose best of three candidates is given."""
    rows = sorted(rows, key=lambda row: row[0])
    starts, ends, time, before = [], [], 0.0, ""
    for path, length, gap, _ in rows:
        time = (0.0 if path != before else time) + (1.0 if gap else 0.0)
        starts.append(time)
        time += length
        ends.append(time)
        before = path
    scores = np.array([[0.9 if column == best else 0.1 for column in range(3)] for *_, best in rows])
    spans = Intervals(np.arange(len(rows)), [row[0] for row in rows], np.array(starts), np.array(ends))
    return spans, scores.reshape(-1, 3)


@given(clips)
def test_pooling_keeps_the_weighted_sum_of_scores(rows: list[tuple[str, float, bool, int]]) -> None:
    spans, scores = as_spans(rows)
    by_file, pooled = pool(spans, scores, "file")
    assert by_file.paths == sorted(set(spans.paths))
    for row, path in enumerate(by_file.paths):
        own = np.array([name == path for name in spans.paths])
        lengths = (spans.ends - spans.starts)[own]
        np.testing.assert_allclose(pooled[row], (scores[own] * lengths[:, None]).sum(0) / lengths.sum())
        assert by_file.clip_ids[row] in np.flatnonzero(own)[lengths == lengths.max()]


@given(clips)
def test_moments_cover_the_clips_and_neighbours_differ(rows: list[tuple[str, float, bool, int]]) -> None:
    spans, scores = as_spans(rows)
    moments, pooled = pool(spans, scores, "moment")
    assert np.isclose((moments.ends - moments.starts).sum(), (spans.ends - spans.starts).sum(), rtol=1e-6)
    best = pooled.argmax(axis=1) if len(moments) else []
    for row in range(len(moments) - 1):
        touches = moments.starts[row + 1] <= moments.ends[row] + 0.05
        if moments.paths[row] == moments.paths[row + 1] and touches:
            assert best[row] != best[row + 1]


def test_pooling_single_clips_changes_nothing() -> None:
    spans, scores = as_spans([("a", 1.0, False, 0), ("a", 1.0, False, 0)])
    same, pooled = pool(spans, scores, "clip")
    assert (same.paths, pooled.tolist()) == (spans.paths, scores.tolist())
